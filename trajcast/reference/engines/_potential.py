"""Interactions of a system for LAMMPS: native LAMMPS commands, or commands that call an ASE calculator."""

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
    """Interactions of a system for LAMMPS."""

    styles: str  # commands before the box is created
    interactions: str  # commands after the atoms are read
    data: Callable[[SystemSpec, NDArray[np.float64]], str]  # text of the data file
    external: ExternalForces | None = None  # calculator, unless LAMMPS computes the forces
    device: str = "cpu"  # or the name of the GPU


def potential_of(settings: ReferenceSettings, spec: SystemSpec, stress: bool = False) -> Potential:
    """The potential named in `settings`, otherwise that of the system; with `stress` a calculator must provide it."""
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
