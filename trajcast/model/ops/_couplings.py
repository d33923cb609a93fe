"""The non-zero Clebsch–Gordan coefficients of a path."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch

from trajcast.model.paths import Path, coefficients, paths_from


class Coupling(NamedTuple):
    """One coefficient, scaled as in `coefficients`."""

    m_in: int
    harmonic: int  # index among the harmonics of all l ≤ l_max
    m_out: int
    value: float


@cache
def couplings(path: Path, l_max: int) -> tuple[Coupling, ...]:
    """All couplings of `path`, sorted by m_in, harmonic and m_out."""
    paths = paths_from(path.l_in, l_max)
    of_all = coefficients(path.l_in, l_max, torch.float64, torch.device("cpu"))
    table = of_all.split([2 * p.l_out + 1 for p in paths], dim=2)[paths.index(path)]
    return tuple(Coupling(m, y, o, float(table[m, y, o])) for m, y, o in table.abs().gt(1e-12).nonzero().tolist())
