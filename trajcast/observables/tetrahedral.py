"""Tetrahedral order of the heaviest element, e.g. of the four nearest oxygens around each oxygen in water.

q = 1 − 3/8 Σ (cos ψ + 1/3)² over the six angles ψ between the four nearest atoms of the same element: 1 for a regular
tetrahedron, 0 on average for an ideal gas. Errington & Debenedetti 2001, doi:10.1038/35053024.
"""

from __future__ import annotations

import numpy as np
from MDAnalysis.lib.distances import distance_array, minimize_vectors
from numpy.typing import NDArray

from trajcast.observables import Context
from trajcast.observables.blocks import mean_error, standard_error
from trajcast.observables.result import Curve, Result, Scalar
from trajcast.observables.selection import Selection
from trajcast.observables.universe import universe_of

NEIGHBORS = 4
FIRST, SECOND = np.triu_indices(NEIGHBORS, 1)  # the six pairs of neighbours
EDGES = np.linspace(-3.0, 1.0, 201)  # q = −3: all four neighbours in one direction


def measure(selection: Selection, context: Context) -> Result:
    """Measure distribution and mean of q, with errors from blocks."""
    settings = context.settings
    sparse = selection.at_least(settings.structure_interval_fs)
    heaviest, atoms = next(iter(selection.atoms_of.items()))
    key = f"order.{heaviest}"
    curves: list[Curve] = []
    scalars: list[Scalar] = []
    if not selection.spec.pbc.all():
        note = "not measured: tetrahedral order needs a system that is periodic in all directions"
    elif len(atoms) <= NEIGHBORS:
        note = f"not measured: {len(atoms)} atom(s) of {heaviest}, at least {NEIGHBORS + 1} are needed"
    elif len(sparse) == 0:
        note = "not measured: no frames"
        scalars = [Scalar(key=key, name=f"q of {heaviest}", value=None, error=None, unit="", note=note)]
    else:
        values = tetrahedral_order(sparse)
        length = len(values) // settings.blocks
        note = "" if length else f"without errors: {len(sparse)} frame(s) for {settings.blocks} blocks"
        curves = [_distribution(heaviest, values, settings.blocks if length else 0)]
        error = mean_error(values.mean(axis=1), settings.blocks)
        scalars = [
            Scalar(key=key, name=f"q of {heaviest}", value=float(values.mean()), error=error, unit="", note=note)
        ]
    return Result(
        observable="tetrahedral",
        title="Tetrahedral order",
        x_label="q",
        y_label="probability density",
        curves=curves,
        scalars=scalars,
        x_limits=(-0.5, 1.0),
        caption=f"Angles between the four nearest {heaviest} around each {heaviest}; {sparse}; standard errors from "
        f"{settings.blocks} blocks.",
        note=note,
    )


def tetrahedral_order(selection: Selection) -> NDArray[np.float64]:
    """q of each atom of the heaviest element, (frames, atoms); it needs at least five atoms."""
    heaviest = next(iter(selection.atoms_of))
    universe = universe_of(selection)
    group = universe.select_atoms(f"element {heaviest}")
    return np.array([_order(group.positions, frame.dimensions) for frame in universe.trajectory])


def _order(positions: NDArray[np.float32], box: NDArray[np.float32]) -> NDArray[np.float64]:
    distance = distance_array(positions, positions, box=box)
    np.fill_diagonal(distance, np.inf)
    nearest = np.argpartition(distance, NEIGHBORS, axis=1)[:, :NEIGHBORS]
    bonds = (positions[nearest] - positions[:, None]).reshape(-1, 3)
    bonds = minimize_vectors(bonds.astype(np.float64), box).reshape(-1, NEIGHBORS, 3)
    bonds /= np.linalg.norm(bonds, axis=2, keepdims=True)
    cosine = (bonds[:, FIRST] * bonds[:, SECOND]).sum(axis=2)
    return np.asarray(1 - 3 / 8 * ((cosine + 1 / 3) ** 2).sum(axis=1))


def _distribution(name: str, values: NDArray[np.float64], blocks: int) -> Curve:
    """Probability density of q over all frames and in each of `blocks` blocks."""

    def density(q: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.histogram(np.clip(q, EDGES[0], EDGES[-1]), bins=EDGES, density=True)[0]

    length = len(values) // blocks if blocks else 0
    parts = np.array([density(values[i * length : (i + 1) * length]) for i in range(blocks)])
    return Curve(
        name=name,
        x=(0.5 * (EDGES[1:] + EDGES[:-1])).tolist(),
        y=density(values).tolist(),
        error=standard_error(parts).tolist() if blocks else None,
        blocks=parts.tolist(),
    )
