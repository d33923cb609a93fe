"""The model that training begins with: an earlier one, or a new one that feels its neighbours from the first update on.

With weights from a unit normal distribution the radial functions shrink the messages so much that a new network's
prediction hardly depends on the neighbours, and training can stay there. So the initial weights of every layer are
scaled once, first layer to last, until its signals have unit variance on a sample of the data, as in Mishkin & Matas
2015, arXiv:1511.06422; and the read-out begins small, so that the first predictions are close to the baseline and the
first, largest gradients do not set AMSGrad's step for the whole run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn

from trajcast import shipped
from trajcast.config.initial_model import misfit
from trajcast.config.settings import TrainingSettings
from trajcast.core.errors import UserError
from trajcast.core.neighbors.find import find_neighbors
from trajcast.core.neighbors.neighbor_list import Neighbors
from trajcast.core.state import State
from trajcast.core.system_spec import SystemSpec
from trajcast.data.dataset import Dataset
from trajcast.model.embedding import RadialNet
from trajcast.model.interaction import Interaction
from trajcast.model.network import Scales, TrajCast
from trajcast.model.store import load_model, read_record
from trajcast.training.scales import scales_of

if TYPE_CHECKING:
    from jaxtyping import Float

FIRST_READOUT = 0.03
"""Size of the read-out's first predictions, in units of the outputs' scales."""


SAMPLE = 4
"""Pairs that the weights of a new network are scaled on."""


def initial_identity(settings: TrainingSettings) -> str | None:
    """What tells the model to go on from apart from all others."""
    return None if settings.initial is None else str(read_record(shipped.resolve(settings.initial)).get("sha256"))


def initial_model(settings: TrainingSettings, dataset: Dataset) -> TrajCast:
    """The model that training begins with: that of `settings.initial`, or one with new weights."""
    model = _initial_model(settings, dataset)
    model.masses = _masses(model, dataset.spec)
    return model


def _masses(model: TrajCast, spec: SystemSpec) -> tuple[float, ...] | None:
    """Masses (u) of the model's species: those of the data, else earlier ones; None where an element has several."""
    masses = []
    for place, number in enumerate(model.scales.species):
        own = spec.masses[spec.numbers == number]
        if not len(own) and model.masses is None:
            return None
        if len(own) and not np.allclose(own, own[0]):
            return None
        masses.append(float(own[0]) if len(own) else model.masses[place])  # type: ignore[index]
    return tuple(masses)


def _initial_model(settings: TrainingSettings, dataset: Dataset) -> TrajCast:
    scales = scales_of(dataset, settings)
    if settings.initial is None:
        model = TrajCast(settings.network, scales, torch.Generator().manual_seed(settings.seed))
        pairs = dataset.split("training").head(settings.samples)
        sample, _, _ = pairs.batch(np.arange(min(SAMPLE, settings.samples)))
        scale_weights(model, sample, find_neighbors(sample, settings.network.cutoff_A))
        return model
    path = shipped.resolve(settings.initial)
    if reason := misfit(read_record(path), settings.network):
        raise UserError(f"training.initial {settings.initial}: {reason}")
    earlier = load_model(path)
    earlier.species_index(torch.as_tensor(dataset.spec.numbers))
    if earlier.scales.horizon_fs == scales.horizon_fs:
        return earlier.requires_grad_(True)
    # what a step moves grows with the horizon: its sizes are those of the new data
    adapted = replace(
        earlier.scales,
        horizon_fs=scales.horizon_fs,
        outputs=_of_elements(earlier.scales, earlier.scales.outputs, scales, scales.outputs),
        baseline=_of_elements(earlier.scales, earlier.scales.baseline, scales, scales.baseline),
    )
    model = TrajCast(earlier.settings, adapted, torch.Generator()).to(earlier.dtype)
    model.load_state_dict(earlier.state_dict())
    model.masses = earlier.masses
    return model


def _of_elements(
    earlier: Scales, old: Sequence[tuple[float, float]], now: Scales, new: Sequence[tuple[float, float]]
) -> tuple[tuple[float, float], ...]:
    """The rows of the earlier model's elements: new ones where the data have the element."""
    known = dict(zip(now.species, new, strict=True))
    return tuple(known.get(number, row) for number, row in zip(earlier.species, old, strict=True))


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
        _scale_hidden(cast(RadialNet, layer.speed), speed)
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
