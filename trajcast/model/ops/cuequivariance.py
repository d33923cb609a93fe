"""Fused convolutions for NVIDIA GPUs by the optional cuEquivariance library.

Each non-zero Clebsch–Gordan coefficient is one path of a segmented polynomial whose segments are the channels of one
component, so that features, weights and products keep their memory layout. The library's slow CPU implementation is
for tests only.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from trajcast.core.neighbors.neighbor_list import of_edges
from trajcast.model.ops import dense, e3nn
from trajcast.model.ops._couplings import couplings
from trajcast.model.paths import ByIrrep, Features, ProductShape

if TYPE_CHECKING:
    from jaxtyping import Float

RANK = 20

edges = e3nn.edges
elements = dense.elements
species_linear = dense.species_linear
linear = dense.linear

PACKAGES = ("cuequivariance", "cuequivariance_torch", "cuequivariance_ops_torch")


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Requires an NVIDIA GPU and the library's three packages."""
    if device.type != "cuda":
        return "its kernels run on NVIDIA GPUs only"
    if missing := [package for package in PACKAGES if find_spec(package) is None]:
        return f"not installed: {', '.join(missing)}; pip install 'trajcast[cuequivariance]'"
    if dtype not in (torch.float32, torch.float64):
        return f"it supports float32 and float64, not {dtype}"
    try:
        import cuequivariance_ops_torch  # noqa: F401
    except Exception as error:  # without it, the library only warns and is slow
        return f"its compiled part, cuequivariance_ops_torch, can't be loaded: {error}"
    return None


def edge_product(
    shape: ProductShape,
    features: Features,
    edges: e3nn.Edges,
    hidden: Float[Tensor, "pairs width"],
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """Σ over neighbours of w(r) · (h_neighbour ⊗ Y(r̂))."""
    flat = _flat(features)
    [summed] = _polynomial(shape, flat.device)(
        [of_edges(hidden, edges.pair) @ weight, flat, edges.harmonics],
        input_indices={1: edges.neighbors},
        output_indices={0: edges.atoms},
        output_shapes={0: flat[:, :1]},  # only its length matters
    )
    return _by_irrep(shape, summed)


def node_product(
    shape: ProductShape,
    features: Features,
    harmonics: Float[Tensor, "atoms harmonics"],
    hidden: Float[Tensor, "atoms width"],
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """w · (h ⊗ Y) of each atom; w depends on the atom's hidden values."""
    [product] = _polynomial(shape, harmonics.device)([hidden @ weight, _flat(features), harmonics])
    return _by_irrep(shape, product)


@cache
def _polynomial(shape: ProductShape, device: torch.device) -> nn.Module:
    """Maps weights, features and harmonics to the product."""
    import cuequivariance as cue
    import cuequivariance_torch as cuet

    channels = (shape.channels,)
    inputs = [(l, m, p) for l, present in enumerate(shape.parities) for m in range(2 * l + 1) for p in present]
    outputs = [
        (irrep, m, slot)
        for irrep, columns in shape.columns.items()
        for m in range(2 * irrep[0] + 1)
        for slot in range(columns // shape.channels)
    ]
    input_index, output_index = ({key: n for n, key in enumerate(keys)} for keys in (inputs, outputs))
    product = cue.SegmentedTensorProduct.from_subscripts("u,u,,u")
    segments = ([channels] * len(shape.outputs), [channels] * len(inputs), [()] * (shape.l_max + 1) ** 2)
    for operand, operand_segments in enumerate((*segments, [channels] * len(outputs))):
        product.add_segments(operand, operand_segments)
    for weight, (path, parity, irrep, slot) in enumerate(shape.outputs):
        for m_in, harmonic, m_out, value in couplings(path, shape.l_max):
            feature, output = input_index[path.l_in, m_in, parity], output_index[irrep, m_out, slot]
            product.add_path(weight, feature, harmonic, output, c=value)
    polynomial = cue.SegmentedPolynomial.eval_last_operand(product)
    return cuet.SegmentedPolynomial(polynomial, method="uniform_1d" if device.type == "cuda" else "naive").to(device)


def _flat(features: Features) -> Float[Tensor, "atoms numbers"]:
    return torch.cat([x.flatten(1) for x in features], dim=1)


def _by_irrep(shape: ProductShape, flat: Float[Tensor, "atoms numbers"]) -> ByIrrep:
    parts = flat.split([(2 * l + 1) * columns for (l, _), columns in shape.columns.items()], dim=1)
    return {
        (l, p): part.unflatten(1, (2 * l + 1, columns))
        for ((l, p), columns), part in zip(shape.columns.items(), parts, strict=True)
    }
