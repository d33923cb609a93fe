"""The initial model of a training run: an earlier model, or a new one that depends on neighbours from the first update.

With weights from a unit normal distribution, the radial functions attenuate the messages so much that the prediction of
a new network hardly depends on the neighbours, and training can get stuck there. The initial weights of every layer are
therefore scaled once, from first to last, so that its signals have unit variance on a sample of the data (Mishkin &
Matas 2015, arXiv:1511.06422). The read-out starts small, so that the first predictions are close to the baseline and
the large first gradients do not determine AMSGrad's step size for the whole run.
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
"""RMS of the read-out of a new network, in units of the output scales."""

SAMPLE = 4
"""Number of pairs on which the weights of a new network are scaled."""


def initial_identity(settings: TrainingSettings) -> str | None:
    """SHA-256 of the model that training starts from; None for a new model."""
    return None if settings.initial is None else str(read_record(shipped.resolve(settings.initial)).get("sha256"))


def initial_model(settings: TrainingSettings, dataset: Dataset) -> TrajCast:
    """Build the initial model: that of `settings.initial`, or one with new weights.

    Raises:
        UserError: If the network settings or elements do not match those of `settings.initial`.
    """
    model = _initial_model(settings, dataset)
    model.masses = _masses(model, dataset.spec)
    return model


def _masses(model: TrajCast, spec: SystemSpec) -> tuple[float, ...] | None:
    """Masses (u) of the model's species: from the data if they contain the element, else those of the earlier model.

    None if a mass is unknown or an element has several.
    """
    masses = []
    for index, number in enumerate(model.scales.species):
        of_element = spec.masses[spec.numbers == number]
        if not len(of_element) and model.masses is None:
            return None
        if len(of_element) and not np.allclose(of_element, of_element[0]):
            return None
        masses.append(float(of_element[0]) if len(of_element) else model.masses[index])  # type: ignore[index]
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
    # displacements and velocity changes grow with the horizon: take their scales from the new data
    adapted = replace(
        earlier.scales,
        horizon_fs=scales.horizon_fs,
        outputs=_merged_rows(earlier.scales, earlier.scales.outputs, scales, scales.outputs),
        baseline=_merged_rows(earlier.scales, earlier.scales.baseline, scales, scales.baseline),
    )
    model = TrajCast(earlier.settings, adapted, torch.Generator()).to(earlier.dtype)
    model.load_state_dict(earlier.state_dict())
    model.masses = earlier.masses
    return model


def _merged_rows(
    earlier: Scales, earlier_rows: Sequence[tuple[float, float]], data: Scales, data_rows: Sequence[tuple[float, float]]
) -> tuple[tuple[float, float], ...]:
    """One row for each element of the earlier model, from the data if they contain the element."""
    row_of = dict(zip(data.species, data_rows, strict=True))
    return tuple(row_of.get(number, row) for number, row in zip(earlier.species, earlier_rows, strict=True))


@torch.no_grad()
def scale_weights(model: TrajCast, state: State, neighbors: Neighbors) -> None:
    """Scale the weights of a new `model` in place, so that signals have unit RMS on `state`."""
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
    """Scale the input of each activation to unit RMS over the rows of `x`."""
    for layer, weight in enumerate(net.weights):
        weight.div_(_rms(net.entering(x, layer)))
        x = nn.functional.silu(net.entering(x, layer))


def _output_rms(part: nn.Module, model: TrajCast, state: State, neighbors: Neighbors) -> float:
    """RMS output of the submodule `part` on `state`."""
    outputs: list[Tensor] = []
    hook = part.register_forward_hook(lambda module, inputs, output: outputs.extend(x.flatten() for x in output))
    try:
        model(state, neighbors)
    finally:
        hook.remove()
    return float(_rms(torch.cat(outputs)))


def _rms(x: Tensor) -> Tensor:
    return x.square().mean().sqrt()
