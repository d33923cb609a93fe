"""Curves of a known shape with the noise of each block, and results that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from trajcast.observables.result import Curve, Result, Scalar

X = np.linspace(0, 10, 80)
SHAPE = 1 + np.sin(X) ** 2


def a_curve(y: ArrayLike, x: ArrayLike = X, blocks: Iterable[ArrayLike] = (), name: str = "O–O") -> Curve:
    return Curve(name=name, x=list(x), y=list(y), blocks=[list(b) for b in blocks])


def a_result(*curves: Curve, scalars: Sequence[Scalar] = (), note: str = "") -> Result:
    return Result(
        observable="rdf",
        title="",
        x_label="",
        y_label="",
        curves=list(curves),
        scalars=list(scalars),
        scored=True,
        note=note,
    )


def noisy(rng: np.random.Generator, count: int, noise: float = 0.05, shape: ArrayLike = SHAPE) -> Curve:
    """The mean of so many blocks, each with noise of its own."""
    blocks = shape + rng.normal(scale=noise, size=(count, len(X)))
    return a_curve(blocks.mean(axis=0), blocks=blocks)
