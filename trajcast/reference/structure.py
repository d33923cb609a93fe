"""Initial structure of reference MD: the single entry point for all systems."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trajcast.config.schema import ReferenceSettings
from trajcast.config.validation import validate
from trajcast.core.elements import check_masses
from trajcast.core.plugins import named_module
from trajcast.core.system_spec import SystemSpec
from trajcast.data.structure import check_overlap, check_structure


def structure_of(
    settings: ReferenceSettings, where: str = "reference.parameters"
) -> tuple[SystemSpec, NDArray[np.float64]]:
    """Specification and positions (Å) of a system.

    Args:
        where: Beginning of error messages.

    Raises:
        UserError: If the parameters are wrong or the structure is unphysical.
    """
    system = named_module("reference.systems", settings.system)
    spec, positions = system.structure(validate(system.Parameters, settings.parameters, where), settings.seed)
    check_structure(spec, positions, where)
    check_overlap(spec, positions, where)
    remedy = "put accept: [masses] into the section reference"
    check_masses(spec.numbers, spec.masses, where, settings.accept, remedy)
    return spec, positions
