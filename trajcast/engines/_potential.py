"""What LAMMPS needs to know of a system: its own commands, or those that ask a calculator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from trajcast.config import Reference, validate
from trajcast.engines import _external
from trajcast.engines._external import ExternalForces
from trajcast.modules import named_module
from trajcast.trajectory import Topology


@dataclass(frozen=True, kw_only=True)
class Potential:
    """Commands before the box exists and after the atoms are there; the data file of positions; who answers."""

    styles: str
    interactions: str
    data: Callable[[Topology, NDArray[np.float64]], str]
    external: ExternalForces | None = None


def potential_of(settings: Reference, topology: Topology, stress: bool = False) -> Potential:
    """The potential of the system in `settings`; calculators are asked for the stress, too, where it is needed."""
    system = named_module("systems", settings.system)
    parameters = validate(system.Parameters, settings.parameters, "reference.parameters")
    if hasattr(system, "calculator"):
        return Potential(
            styles=_external.styles(topology),
            interactions=_external.COMMANDS,
            data=_external.data,
            external=ExternalForces(partial(system.calculator, parameters), topology, stress),
        )
    return Potential(
        styles=system.lammps_styles(parameters),
        interactions=system.lammps_interactions(parameters),
        data=partial(system.lammps_data, parameters),
    )
