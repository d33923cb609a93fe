"""Standard errors from blocks: the spread of values measured on consecutive pieces of a trajectory.

Pieces longer than the correlation time are independent, so the error of their mean is their standard deviation
over √blocks. Flyvbjerg & Petersen 1989, doi:10.1063/1.457480.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEWEST_BLOCKS = 8  # of the longest


def standard_error(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard error of the mean over the first axis, which runs over at least two blocks."""
    return values.std(axis=0, ddof=1) / np.sqrt(len(values))


def block_values(series: NDArray[np.float64], blocks: int) -> NDArray[np.float64] | None:
    """(blocks, frames in a block): consecutive pieces of a time series; None for fewer than two frames a block."""
    length = len(series) // blocks
    return series[: blocks * length].reshape(blocks, length) if length > 1 else None


def mean_error(series: NDArray[np.float64], blocks: int) -> float | None:
    """Standard error of a time series' mean, from block means; None when it is too short."""
    pieces = block_values(series, blocks)
    return None if pieces is None else float(standard_error(pieces.mean(axis=1)))


def width_error(series: NDArray[np.float64], blocks: int) -> float | None:
    """Standard error of a time series' standard deviation, from the blocks' deviations about the common mean."""
    pieces = block_values(series, blocks)
    return None if pieces is None else float(standard_error(np.sqrt(((pieces - series.mean()) ** 2).mean(axis=1))))


def correlated_mean_error(values: NDArray) -> float:
    """Standard error of the mean of a correlated series: the largest of those from blocks of doubling length.

    Flyvbjerg & Petersen 1989, doi:10.1063/1.457480; lengths that leave at least eight blocks. NaN below that.
    """
    blocks = np.asarray(values, dtype=np.float64)
    errors = []
    while len(blocks) >= FEWEST_BLOCKS:
        errors.append(blocks.std(ddof=1) / np.sqrt(len(blocks)))
        blocks = blocks[: len(blocks) // 2 * 2].reshape(-1, 2).mean(1)
    return float(max(errors, default=np.nan))
