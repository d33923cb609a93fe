"""Fused convolutions for NVIDIA GPUs by the optional OpenEquivariance library, which compiles them on first use.

Bharadwaj et al. 2025, arXiv:2501.13986. It takes the same description and arrays as e3nn's tensor product.
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

_NUMPY_DTYPES = {torch.float32: np.float32, torch.float64: np.float64}


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Requires an NVIDIA GPU and the library's extension, which is built on installation or first import."""
    if device.type != "cuda":
        return "its kernels run on NVIDIA GPUs only"
    if find_spec("openequivariance") is None:
        return "openequivariance is not installed: pip install 'trajcast[openequivariance]'"
    if dtype not in _NUMPY_DTYPES:
        return f"it supports float32 and float64, not {dtype}"
    try:
        import openequivariance
    except Exception as error:  # the import may compile, which can fail in many ways
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
    """w · (h ⊗ Y) of each atom; w depends on the atom's hidden values."""
    product = _product(shape, weight.dtype, weight.device)
    return e3nn.by_irrep(shape, product(e3nn.in_line(features), harmonics, hidden @ weight))


@cache
def _convolution(shape: ProductShape, dtype: torch.dtype, device: torch.device) -> nn.Module:
    """Non-deterministic: accepts an atom's neighbours in any order, but atomic sums vary in rounding."""
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
        irrep_dtype=_NUMPY_DTYPES[dtype],
        weight_dtype=_NUMPY_DTYPES[dtype],
    )
