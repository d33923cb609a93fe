"""Reference systems: one file per system, its structure and interactions."""
