"""Distribution of the potential energy, evaluated with the potential of the reference MD.

Energies of both MD and rollout frames are recomputed from the stored single-precision positions, so that only the
configurations differ.
"""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from trajcast.core.errors import UserError
from trajcast.core.plugins import named_module
from trajcast.observables import Context
from trajcast.observables.blocks import mean_error, width_error
from trajcast.observables.histogram import density
from trajcast.observables.result import Result, Scalar
from trajcast.observables.selection import Selection

UNIT = "meV/atom"
TOLERANCE = 0.3  # of the mean; the potential energy of harmonic vibrations, 3/2 k T, changes by this over 2.3 K
DRAWN_WIDTHS = (
    10  # standard deviations shown on both sides of the mean; outliers of a bad rollout must not squeeze the rest
)
log = logging.getLogger(__name__)


def measure(selection: Selection, context: Context) -> Result:
    """Measure histogram, mean and standard deviation of the potential energy per atom."""
    settings = context.settings
    sparse = selection.at_least(settings.structure_interval_fs)
    energies, note = _energies(sparse, context)
    curves, mean, width = [], None, None
    if len(energies) >= 2:
        curves = [density("potential energy", energies, settings.blocks)]
        width = float(energies.std(ddof=1))
    if len(energies):
        mean = float(energies.mean())
    return Result(
        observable="energy",
        title="Potential energy distribution",
        x_label="potential energy / meV per atom",
        y_label="probability density / atom meV⁻¹",
        curves=curves,
        x_limits=(mean - DRAWN_WIDTHS * width, mean + DRAWN_WIDTHS * width) if width and mean is not None else None,
        scalars=[
            Scalar(
                key="energy",
                name="mean potential energy",
                value=mean,
                error=mean_error(energies, settings.blocks),
                unit=UNIT,
                tolerance=TOLERANCE,
                note=note,
            ),
            Scalar(
                key="energy_width",
                name="width of the potential energy",
                value=width,
                error=width_error(energies, settings.blocks),
                unit=UNIT,
                note=note or ("" if width is not None else "not measured: 1 frame"),
            ),
        ],
        caption=f"Energies of the {context.reference.system} reference potential ({context.reference.engine}), "
        f"recomputed for {sparse} of {selection.spec.n_atoms} atoms; width: standard deviation of the energy "
        f"divided by the number of atoms; standard errors from {settings.blocks} blocks.",
        note=note,
    )


def _energies(selection: Selection, context: Context) -> tuple[NDArray[np.float64], str]:
    """Energies (meV/atom), and the reason if there are none."""
    empty = np.zeros(0)
    if len(selection) == 0:
        return empty, "not measured: no frames"
    try:
        engine = named_module("reference.engines", context.reference.engine)
        energies = engine.potential_energies(context.reference, selection.spec, selection.positions)
    except UserError as error:
        if selection.trajectory.provenance.get("stage") != "rollout":
            raise
        # the reference potential may be undefined for configurations of a bad rollout
        log.warning("%s: no potential energies: %s", selection.trajectory.path, error)
        return empty, f"not measured: {error}"
    if not np.isfinite(energies).all():
        return empty, f"not measured: {np.sum(~np.isfinite(energies))} of {len(energies)} energies are not finite"
    return 1000 * energies / selection.spec.n_atoms, ""
