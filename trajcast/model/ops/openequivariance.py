"""NVIDIA GPUs: fused convolutions that the OpenEquivariance library compiles when first used, where it is installed.

Bharadwaj et al. 2025, arXiv:2501.13986. It takes the same description and the same arrays as e3nn's tensor product.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from trajcast.core.neighbors.neighbor_list import of_edges
from trajcast.model.ops import dense, e3nn
from trajcast.model.paths import ByIrrep, Features, ProductShape

if TYPE_CHECKING:
    from jaxtyping import Float

RANK = 30

edges = e3nn.edges
elements = dense.elements
species_linear = dense.species_linear
linear = dense.linear

_NUMBERS = {torch.float32: np.float32, torch.float64: np.float64}


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """It needs an NVIDIA GPU, and its extension, built when the library is installed or first imported."""
    if device.type != "cuda":
        return "its kernels run on NVIDIA GPUs only"
    if find_spec("openequivariance") is None:
        return "openequivariance is not installed: pip install 'trajcast[openequivariance]'"
    if dtype not in _NUMBERS:
        return f"it computes in float32 and float64, not {dtype}"
    try:
        import openequivariance
    except Exception as error:  # it may compile here, for which much can be missing
        return f"openequivariance can't be loaded: {error}"
    return None if openequivariance.BUILT_EXTENSION else str(openequivariance.BUILT_EXTENSION_ERROR)


def edge_product(
    shape: ProductShape,
    features: Features,
    edges: e3nn.Edges,
    hidden: Float[Tensor, "pairs width"],
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """Σ over neighbours of w(r) · (h_neighbour ⊗ Y(r̂))."""
    convolution = _convolution(shape, weight.dtype, weight.device)
    flat = e3nn.in_line(features)
    weights = of_edges(hidden, edges.pair) @ weight
    return e3nn.by_irrep(shape, convolution(flat, edges.harmonics, weights, edges.atoms, edges.neighbors))


def node_product(
    shape: ProductShape,
    features: Features,
    harmonics: Float[Tensor, "atoms harmonics"],
    hidden: Float[Tensor, "atoms width"],
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """w · (h ⊗ Y), the weights of each atom from its own hidden values."""
    product = _product(shape, weight.dtype, weight.device)
    return e3nn.by_irrep(shape, product(e3nn.in_line(features), harmonics, hidden @ weight))


@cache
def _convolution(shape: ProductShape, dtype: torch.dtype, device: torch.device) -> nn.Module:
    """Sums with atomic additions: neighbours need no order within their atom, but the last digits vary."""
    from openequivariance import TensorProductConv

    with torch.cuda.device(device):
        return TensorProductConv(_problem(shape, dtype), deterministic=False)


@cache
def _product(shape: ProductShape, dtype: torch.dtype, device: torch.device) -> nn.Module:
    from openequivariance import TensorProduct

    with torch.cuda.device(device):
        return TensorProduct(_problem(shape, dtype))


def _problem(shape: ProductShape, dtype: torch.dtype) -> Any:
    from openequivariance import TPProblem

    return TPProblem(
        *e3nn.description(shape),
        shared_weights=False,
        internal_weights=False,
        irrep_normalization="none",
        path_normalization="none",
        irrep_dtype=_NUMBERS[dtype],
        weight_dtype=_NUMBERS[dtype],
    )
