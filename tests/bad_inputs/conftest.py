"""Where the cases come from."""

import cases_ase  # noqa: F401
import cases_configuration  # noqa: F401
import cases_dumps  # noqa: F401
import cases_hdf5  # noqa: F401
import cases_lammps  # noqa: F401
import cases_mdanalysis  # noqa: F401
import cases_models  # noqa: F401
import cases_pairs  # noqa: F401
import cases_structures  # noqa: F401
