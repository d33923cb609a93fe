"""Probability density of a time series, with errors from blocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trajcast.observables.blocks import block_values, standard_error
from trajcast.observables.result import Curve


def density(name: str, series: NDArray[np.float64], blocks: int) -> Curve:
    """Histogram of at least two values, normalised to unit area, in √n bins (10 to 60) for n values."""
    bins = int(np.clip(np.sqrt(len(series)), 10, 60))
    y, edges = np.histogram(series, bins=bins, density=True)
    pieces = block_values(series, blocks)
    error = None
    if pieces is not None:
        error = standard_error(
            np.array([np.histogram(piece, bins=edges, density=True)[0] for piece in pieces])
        ).tolist()
    return Curve(name=name, x=(0.5 * (edges[1:] + edges[:-1])).tolist(), y=y.tolist(), error=error)
