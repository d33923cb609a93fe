"""Initial weights that let a new network feel its neighbours from the first update on.

With weights from a unit normal distribution the radial functions shrink the messages so much that a new network's
prediction hardly depends on the neighbours, and training can stay there. So the initial weights of every layer are
scaled once, first layer to last, until its signals have unit variance on a sample of the data, as in Mishkin & Matas
2015, arXiv:1511.06422; and the read-out begins small, so that the first predictions are close to the baseline and the
first, largest gradients do not set AMSGrad's step for the whole run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from trajcast.model.embedding import RadialNet
from trajcast.model.interaction import Interaction
from trajcast.model.network import TrajCast
from trajcast.neighbors import Neighbors
from trajcast.state import State

if TYPE_CHECKING:
    from jaxtyping import Float

FIRST_READOUT = 0.03
"""Size of the read-out's first predictions, in units of the outputs' scales."""


@torch.no_grad()
def scale_weights(model: TrajCast, state: State, neighbors: Neighbors) -> None:
    """Scale the weights of a new `model`, in place, to unit signals on `state`."""
    species = model.species_index(state.numbers)
    one_hot = nn.functional.one_hot(species, len(model.scales.species)).to(model.dtype)
    distances = torch.linalg.vector_norm(neighbors.vectors, dim=-1).to(model.dtype)
    radial = model.bessel(distances[distances < neighbors.cutoff])
    speed = model.speed(torch.linalg.vector_norm(state.velocities, dim=-1).to(model.dtype), one_hot)
    for layer in model.layers:
        assert isinstance(layer, Interaction)
        _scale_hidden(cast(RadialNet, layer.radial), radial)
        _scale_hidden(layer.speed, speed)
        layer.edge_weights.weight.div_(_output_rms(layer.contraction, model, state, neighbors))
        layer.node_weights.weight.div_(_output_rms(layer.update, model, state, neighbors))
    for weight in model.readout.weights.values():
        weight.mul_(FIRST_READOUT / _output_rms(model.readout, model, state, neighbors))


def _scale_hidden(net: RadialNet, x: Float[Tensor, "rows basis"]) -> None:
    """Unit RMS of what enters each activation, over the rows `x`."""
    for layer, weight in enumerate(net.weights):
        weight.div_(_rms(net.entering(x, layer)))
        x = nn.functional.silu(net.entering(x, layer))


def _output_rms(part: nn.Module, model: TrajCast, state: State, neighbors: Neighbors) -> float:
    """RMS of what `part` of the model gives on `state`."""
    seen: list[Tensor] = []
    hook = part.register_forward_hook(lambda module, inputs, output: seen.extend(x.flatten() for x in output))
    try:
        model(state, neighbors)
    finally:
        hook.remove()
    return float(_rms(torch.cat(seen)))


def _rms(x: Tensor) -> Tensor:
    return x.square().mean().sqrt()
