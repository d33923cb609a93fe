"""Readers of trajectory files: one module per kind, each with `read(path, reading)`; `data.sources` selects one."""

VELOCITY_UNITS = ("A/fs", "A/ps", "nm/ps", "m/s", "ase", "bohr/aut")
"""Here, as the command line names them before it loads a reader."""
