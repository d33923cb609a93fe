"""The convolution over neighbours: for each path Σ_neighbours w(r) · (h_neighbour ⊗ Y(r̂)).

The weights are linear in the hidden values z of the radial MLP, w = z W, so the sum over neighbours of h ⊗ Y ⊗ z comes
first, as one matrix product per atom; a second one per channel then applies W and the Clebsch–Gordan coefficients.
Nothing of size paths × edges is ever stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from trajcast.model.paths import Features, Path, coupling


def edge_product(
    features: Features,
    index: Int[Tensor, "atoms slots"],
    hidden: Float[Tensor, "atoms slots hidden"],
    harmonics: Float[Tensor, "atoms slots harmonics"],
    weights: Mapping[Path, Float[Tensor, "hidden columns"]],
) -> dict[Path, Float[Tensor, "atoms m columns"]]:
    """The convolution, by path; `index` are the neighbours that `hidden` and `harmonics` belong to."""
    atoms = len(index)
    flat = torch.cat([h.flatten(1) for h in features], dim=1)
    gathered = flat.index_select(0, index.flatten()).unflatten(0, index.shape)
    spread = (harmonics[..., None] * hidden[:, :, None]).flatten(2)
    sums = gathered.mT @ spread  # atoms, features, harmonics × hidden
    result: dict[Path, Tensor] = {}
    for l_in, part in enumerate(sums.split([h.shape[1] * h.shape[2] for h in features], dim=1)):
        paths = tuple(path for path in weights if path.l_in == l_in)
        if paths:
            columns = features[l_in].shape[2]
            by_column = part.unflatten(1, (-1, columns)).permute(2, 0, 1, 3).reshape(columns, atoms, -1)
            matrix = _matrix(paths, [weights[path] for path in paths], harmonics.shape[-1])
            outputs = (by_column @ matrix).permute(1, 2, 0).split([2 * path.l_out + 1 for path in paths], dim=1)
            result |= dict(zip(paths, outputs, strict=True))
    return result


def _matrix(
    paths: tuple[Path, ...], weights: list[Float[Tensor, "hidden columns"]], harmonics: int
) -> Float[Tensor, "columns m_harmonics_hidden outputs"]:
    """Weights times coefficients of all paths from one l_in."""
    weight = torch.stack([w for path, w in zip(paths, weights, strict=True) for _ in range(2 * path.l_out + 1)])
    coefficients = _coefficients(paths, harmonics).to(weight)
    return (coefficients[None, :, :, None, :] * weight.permute(2, 1, 0)[:, None, None]).flatten(1, 3)


@cache
def _coefficients(paths: tuple[Path, ...], harmonics: int) -> Float[Tensor, "m harmonics outputs"]:
    """Clebsch–Gordan coefficients of all paths from one l_in, outputs side by side."""
    blocks = []
    for path in paths:
        block = torch.zeros(2 * path.l_in + 1, harmonics, 2 * path.l_out + 1, dtype=torch.float64)
        block[:, path.l_y**2 : (path.l_y + 1) ** 2] = coupling(*path).permute(2, 1, 0)
        blocks.append(block)
    return torch.cat(blocks, dim=2)
