"""Derived constants in the internal units Å, fs, u, eV and K (CODATA values from SciPy)."""

from scipy import constants

BOLTZMANN = constants.k / constants.e
"""Boltzmann's constant, eV/K."""

KINETIC = constants.atomic_mass * (constants.angstrom / constants.femto) ** 2 / constants.e
"""One u Å²/fs² in eV: the kinetic energy in eV is KINETIC × ½ m v²."""

KCAL_PER_MOL = constants.calorie * constants.kilo / constants.N_A / constants.e
"""One kcal/mol in eV (LAMMPS' `units real`)."""

PS = 1000.0
"""One picosecond in fs."""

PER_CM = constants.c * constants.centi**-1 * constants.femto
"""Multiply a wavenumber in cm⁻¹ by this to get a frequency in fs⁻¹."""
