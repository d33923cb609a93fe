"""The structure that reference MD starts from: the one way in, whatever the system."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trajcast.config.schema import Reference
from trajcast.config.validation import validate
from trajcast.core.elements import check_masses
from trajcast.core.plugins import named_module
from trajcast.core.system_spec import Topology
from trajcast.data.structure import check_overlap, check_structure


def structure_of(settings: Reference, where: str = "reference.parameters") -> tuple[Topology, NDArray[np.float64]]:
    """Topology and positions (Å) of a system; UserError for wrong parameters and impossible structures."""
    system = named_module("reference.systems", settings.system)
    topology, positions = system.structure(validate(system.Parameters, settings.parameters, where), settings.seed)
    check_structure(topology, positions, where)
    check_overlap(topology, positions, where)
    remedy = "put accept: [masses] into the section reference"
    check_masses(topology.numbers, topology.masses, where, settings.accept, remedy)
    return topology, positions
