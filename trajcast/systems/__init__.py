"""Reference systems: one file per system, its structure and interactions.

Each file has `Parameters` (the settings under `reference.parameters`), `structure(parameters, seed)` → topology and
positions, and for LAMMPS `lammps_styles()`, `lammps_data(topology, positions)`, `lammps_interactions(parameters)`.
"""
