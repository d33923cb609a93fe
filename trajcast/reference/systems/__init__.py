"""Reference systems: one file per system, its structure and interactions.

Each file has `Parameters` (the settings under `reference.parameters`), `structure(parameters, seed)` → topology and
positions. For LAMMPS it has `lammps_styles(parameters)`, `lammps_data(parameters, spec, positions)` and
`lammps_interactions(parameters)`, or `calculator(parameters)` → a new ASE calculator, whose forces LAMMPS then uses.
Files that the results depend on are parameters whose names end in `_file`.

A file may have `literature(settings, folder)` → quantities of its reference MD beside published ones.
"""
