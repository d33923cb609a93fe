"""Scores of a curve and of its blocks against a reference, and of the halves of the reference against each other.

Score = 1 − Σ|f_ref − f| / (Σ f_ref + Σ f), with f interpolated linearly onto the grid of the reference; 1 for equal
curves, 0 for curves without overlap. Schran et al. 2021, doi:10.1073/pnas.2110077118.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from trajcast.observables.result import Curve

DIVISIONS = 200  # of the reference into halves, at most


def score(reference: Curve, other: Curve) -> float | None:
    """Score of `other` against `reference`; None if either is empty."""
    if not reference.x or not other.x:
        return None
    f_ref = np.array(reference.y)
    f = np.interp(reference.x, other.x, other.y)
    total = f_ref.sum() + f.sum()
    return float(1 - np.abs(f_ref - f).sum() / total) if total > 0 else None


def block_scores(reference: Curve, other: Curve) -> list[float]:
    """Scores of the blocks of `other` against the whole reference; empty if it has no blocks.

    Noise lowers them, so they compare with scores of other blocks of the same length, not with 1.
    """
    scores = [score(reference, Curve(name=other.name, x=other.x, y=block)) for block in other.blocks]
    return [value for value in scores if value is not None]


def halves(reference: Curve) -> tuple[float, float | None] | None:
    """Score of one half of the reference against the other.

    The blocks of the reference are divided into halves in every possible way (1234: 12|34, 13|24, 14|23), or in
    `DIVISIONS` evenly chosen ways if there are more. An odd last block is left out.

    Returns:
        Mean score over the divisions and its standard deviation (None for a single division); None without blocks.
    """
    count = len(reference.blocks) // 2 * 2
    if count < 2:
        return None
    blocks = np.array(reference.blocks[:count])
    rests = list(combinations(range(1, count), count // 2 - 1))
    scores = []
    for rest in rests[:: -(-len(rests) // DIVISIONS)]:
        first = [0, *rest]
        second = [i for i in range(count) if i not in first]
        parts = [
            Curve(name=reference.name, x=reference.x, y=blocks[half].mean(axis=0).tolist()) for half in (first, second)
        ]
        value = score(*parts)
        if value is None:
            return None
        scores.append(value)
    return float(np.mean(scores)), float(np.std(scores, ddof=1)) if len(scores) > 1 else None
