"""Standard errors by block averaging: from the spread of values over consecutive blocks of a trajectory.

Blocks longer than the correlation time are independent, so the error of their mean is their standard deviation divided
by √blocks. Flyvbjerg & Petersen 1989, doi:10.1063/1.457480.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEWEST_BLOCKS = 8  # at the largest block length


def standard_error(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard error of the mean over the first axis, over at least two blocks."""
    return values.std(axis=0, ddof=1) / np.sqrt(len(values))


def block_values(series: NDArray[np.float64], blocks: int) -> NDArray[np.float64] | None:
    """Consecutive blocks of a time series, (blocks, frames); None for fewer than two frames per block."""
    length = len(series) // blocks
    return series[: blocks * length].reshape(blocks, length) if length > 1 else None


def mean_error(series: NDArray[np.float64], blocks: int) -> float | None:
    """Standard error of the mean of a time series, from block means; None if it is too short."""
    pieces = block_values(series, blocks)
    return None if pieces is None else float(standard_error(pieces.mean(axis=1)))


def width_error(series: NDArray[np.float64], blocks: int) -> float | None:
    """Standard error of the standard deviation of a time series, from block deviations about the common mean."""
    pieces = block_values(series, blocks)
    return None if pieces is None else float(standard_error(np.sqrt(((pieces - series.mean()) ** 2).mean(axis=1))))


def correlated_mean_error(values: NDArray) -> float:
    """Standard error of the mean of a correlated series: the largest over block lengths that double.

    Lengths leave at least eight blocks; NaN for shorter series. Flyvbjerg & Petersen 1989, doi:10.1063/1.457480.
    """
    blocks = np.asarray(values, dtype=np.float64)
    errors = []
    while len(blocks) >= FEWEST_BLOCKS:
        errors.append(blocks.std(ddof=1) / np.sqrt(len(blocks)))
        blocks = blocks[: len(blocks) // 2 * 2].reshape(-1, 2).mean(1)
    return float(max(errors, default=np.nan))
