"""One file per kind of trajectory file, each with `read(path, reading)` → `Frames`. `data.sources` picks one."""
