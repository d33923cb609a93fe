"""What LAMMPS needs to know of a system: its own commands, or those that ask a calculator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from ase.calculators.calculator import BaseCalculator
from numpy.typing import NDArray

from trajcast.config.schema import ReferenceSettings
from trajcast.config.validation import validate
from trajcast.core.errors import UserError
from trajcast.core.plugins import named_module
from trajcast.core.system_spec import SystemSpec
from trajcast.reference.engines import _external
from trajcast.reference.engines._external import ExternalForces
from trajcast.reference.potentials import calculator, device_name, energies


@dataclass(frozen=True, kw_only=True)
class Potential:
    """Commands before the box exists and after the atoms are there; the data file of positions; who answers."""

    styles: str
    interactions: str
    data: Callable[[SystemSpec, NDArray[np.float64]], str]
    external: ExternalForces | None = None
    device: str = "cpu"  # a GPU by its name


def potential_of(settings: ReferenceSettings, spec: SystemSpec, stress: bool = False) -> Potential:
    """The potential in `settings`, or else that of their system; calculators are asked for the stress where needed."""
    system = named_module("reference.systems", settings.system)
    parameters = validate(system.Parameters, settings.parameters, "reference.parameters")
    make: Callable[[], BaseCalculator] | None = None
    batch = None
    if settings.potential is not None:
        if getattr(parameters, "calculator", None) is not None:
            raise UserError("reference.parameters.calculator and reference.potential: both give forces; remove one")
        make, batch = partial(calculator, settings.potential, settings.device), energies(settings.potential)
    elif hasattr(system, "calculator"):
        make = partial(system.calculator, parameters)
    if make is not None:
        return Potential(
            styles=_external.styles(spec),
            interactions=_external.COMMANDS,
            data=_external.data,
            external=ExternalForces(make, spec, stress, batch),
            device="cpu" if settings.potential is None else device_name(settings.potential, settings.device),
        )
    return Potential(
        styles=system.lammps_styles(parameters),
        interactions=system.lammps_interactions(parameters),
        data=partial(system.lammps_data, parameters),
    )
