"""Readers of trajectory files: one module per kind, each with `read(path, reading)`; `data.sources` selects one."""
