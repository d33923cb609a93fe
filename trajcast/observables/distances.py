"""Distribution of the distances between the atoms of an isolated system, for every pair of elements.

The counterpart of the radial distribution function of a liquid; without a bulk density, there is no normalisation by
shell volume. Each distribution has unit area.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from trajcast.observables import Context
from trajcast.observables.blocks import standard_error
from trajcast.observables.result import Curve, Result
from trajcast.observables.selection import Selection

BIN_A = 0.02  # a third of the width of a bond-length distribution
LONGEST_A = 50.0  # longer distances, in rollouts that fly apart, count in the last bin
FRAMES_AT_ONCE = 1000  # bounds the memory of the distances


def measure(selection: Selection, context: Context) -> Result:
    """Measure histograms of distances, with errors from blocks; empty for periodic systems."""
    settings = context.settings
    sparse = selection.at_least(settings.structure_interval_fs)
    curves, note = [], ""
    if len(sparse) == 0:
        note = "not measured: no frames"
    elif not selection.spec.pbc.any():
        blocks = sparse.blocks(settings.blocks)
        if not blocks:
            note = f"without errors: {len(sparse)} frame(s) for {settings.blocks} blocks"
        parts = [part.positions for part in (blocks or [sparse])]
        atoms = selection.atoms_of
        for first, second in combinations_with_replacement(atoms, 2):
            pairs = _pairs(atoms[first], atoms[second], first == second)
            if len(pairs):
                curves.append(_curve(f"{first}–{second}", parts, pairs))
    return Result(
        observable="distances",
        title="Distances between atoms",
        x_label="r / Å",
        y_label="probability density / Å⁻¹",
        curves=curves,
        scored=True,
        caption=f"All pairs of different atoms, bonded ones included, in bins of {BIN_A:g} Å; {sparse}; standard "
        f"errors from {settings.blocks} blocks.",
        note=note,
    )


def _pairs(first: NDArray[np.int64], second: NDArray[np.int64], same: bool) -> NDArray[np.int64]:
    """Every pair of different atoms once, (pairs, 2)."""
    pairs = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1).reshape(-1, 2)
    return pairs[pairs[:, 0] < pairs[:, 1]] if same else pairs


def _curve(name: str, parts: list[NDArray[np.float32]], pairs: NDArray[np.int64]) -> Curve:
    counts = [_histogram(positions, pairs) for positions in parts]
    bins = max(len(count) for count in counts) + 1  # with an empty last bin, so that curves end at zero
    densities = np.array([np.pad(count, (0, bins - len(count))) / (count.sum() * BIN_A) for count in counts])
    several = len(parts) > 1
    return Curve(
        name=name,
        x=((np.arange(bins) + 0.5) * BIN_A).tolist(),
        y=densities.mean(axis=0).tolist(),
        error=standard_error(densities).tolist() if several else None,
        blocks=densities.tolist() if several else [],
    )


def _histogram(positions: NDArray[np.float32], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of distances in each bin from zero to the longest."""
    counts = np.zeros(1, dtype=np.int64)
    for start in range(0, len(positions), FRAMES_AT_ONCE):
        frames = positions[start : start + FRAMES_AT_ONCE]
        lengths = np.linalg.norm(frames[:, pairs[:, 0]] - frames[:, pairs[:, 1]], axis=2)
        new = np.bincount((np.minimum(lengths, LONGEST_A) / BIN_A).astype(np.int64).ravel())
        longer, shorter = (new, counts) if len(new) > len(counts) else (counts, new)
        longer[: len(shorter)] += shorter
        counts = longer
    return counts
