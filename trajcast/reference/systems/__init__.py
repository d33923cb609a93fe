"""Reference systems, one plug-in per file: structure and interactions.

Each file provides `Parameters` (the settings under `reference.parameters`) and `structure(parameters, seed)` →
`SystemSpec` and positions (Å). Forces come either from LAMMPS, by `lammps_styles(parameters)`,
`lammps_data(parameters, spec, positions)` and `lammps_interactions(parameters)`, or from `calculator(parameters)` → a
new ASE calculator, whose forces LAMMPS then uses. Parameters for files that the results depend on end in `_file`.

A file may provide `literature(settings, folder)` → list of `Published`, its reference MD beside published values.
"""
