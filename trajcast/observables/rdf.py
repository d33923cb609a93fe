"""Radial distribution functions of all pairs of elements, by MDAnalysis.

Every pair of different atoms counts, so the peaks of bonded pairs are included. Pairs of one element are normalised
by N(N − 1), so an ideal gas of N atoms has g = 1. Bins extend to half the shortest box length (distance between
opposite faces).
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
from MDAnalysis import Universe
from MDAnalysis.analysis.rdf import InterRDF
from numpy.typing import NDArray

from trajcast.observables import Context
from trajcast.observables.blocks import standard_error
from trajcast.observables.result import Curve, Result
from trajcast.observables.selection import Selection
from trajcast.observables.universe import universe_of


def measure(selection: Selection, context: Context) -> Result:
    """Measure g(r) of each pair of elements, with errors from blocks."""
    settings = context.settings
    sparse = selection.at_least(settings.structure_interval_fs)
    curves, note = [], ""
    if not selection.spec.pbc.all():
        note = "not measured: a radial distribution function needs a system that is periodic in all directions"
    elif len(sparse) == 0:
        note = "not measured: no frames"
    else:
        blocks = sparse.blocks(settings.blocks)
        if not blocks:
            note = f"without errors: {len(sparse)} frame(s) for {settings.blocks} blocks"
        parts = [universe_of(part) for part in (blocks or [sparse])]
        for pair in _pairs(selection):
            r, y = _pair_distribution(parts, pair, selection.spec.cell, settings.rdf_bins)
            curves.append(
                Curve(
                    name="–".join(pair),
                    x=r.tolist(),
                    y=y.mean(axis=0).tolist(),
                    error=standard_error(y).tolist() if blocks else None,
                    blocks=y.tolist() if blocks else [],
                )
            )
    return Result(
        observable="rdf",
        title="Radial distribution functions",
        x_label="r / Å",
        y_label="g(r)",
        curves=curves,
        scored=True,
        caption=f"All pairs of different atoms, bonded ones included, in {settings.rdf_bins} bins up to half the "
        f"shortest box length; {sparse}; standard errors from {settings.blocks} blocks.",
        note=note,
    )


def _pairs(selection: Selection) -> list[tuple[str, str]]:
    """Pairs of elements that have at least one pair of different atoms."""
    atoms = selection.atoms_of
    return [(a, b) for a, b in combinations_with_replacement(atoms, 2) if a != b or len(atoms[a]) > 1]


def _pair_distribution(
    parts: list[Universe], pair: tuple[str, str], cell: NDArray[np.float64], bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bin centres (Å) and g (parts, bins)."""
    half_box = 0.5 / np.linalg.norm(np.linalg.inv(cell), axis=0).max()
    y = []
    for universe in parts:
        groups = [universe.select_atoms(f"element {symbol}") for symbol in pair]
        same = (1, 1) if pair[0] == pair[1] else None  # excludes self-pairs
        rdf = InterRDF(*groups, nbins=bins, range=(0.0, half_box), exclusion_block=same).run()
        y.append(rdf.results.rdf)
    return rdf.results.bins, np.array(y)
