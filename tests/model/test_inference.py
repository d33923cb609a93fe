"""The network made ready for rollouts predicts what the trained one predicts."""

from __future__ import annotations

import pytest
import torch
from small_systems import network, random_state

from trajcast.config.settings import NetworkSettings
from trajcast.core.neighbors.find import find_neighbors
from trajcast.model.inference import TOLERANCE, Places, Splines, prepared
from trajcast.model.interaction import Interaction
from trajcast.model.splines import SHORTEST

NETWORKS = {
    "l up to 2": NetworkSettings(channels=4, l_max=2, layers=2, radial_mlp=[8, 6], speed_mlp=[8, 6]),
    "deep MLP": NetworkSettings(channels=16, l_max=1, layers=3, radial_mlp=[32, 32, 32], speed_mlp=[16]),
}


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("settings", NETWORKS.values(), ids=NETWORKS.keys())
@pytest.mark.parametrize("length", [6.0, None], ids=["periodic", "vacuum"])
def test_predictions_are_those_of_the_network(
    settings: NetworkSettings, dtype: torch.dtype, length: float | None
) -> None:
    model = network(settings).to(dtype)
    state = random_state(3, length=length)
    neighbors = find_neighbors(state, model.scales.cutoff)
    with torch.no_grad():
        exact, ready = model(state, neighbors), prepared(model)(state, neighbors)
    rounding = {torch.float32: 1e-5, torch.float64: 0.0}[dtype]  # of the network itself in single precision
    allowed = 20 * TOLERANCE[dtype] + rounding  # errors of hidden values grow on their way through the layers
    for a, b in ((ready.displacement, exact.displacement), (ready.velocity, exact.velocity)):
        assert (a - b).abs().max() <= allowed * b.abs().max()
        assert (a - b).abs().max() > 0  # the splines are in use


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_hidden_values_are_within_the_stated_tolerance(dtype: torch.dtype) -> None:
    model = network(NETWORKS["deep MLP"]).to(dtype)
    ready = prepared(model)
    assert isinstance(ready.bessel, Places)
    rng = torch.Generator().manual_seed(1)
    reach = model.scales.cutoff - SHORTEST
    distances = SHORTEST + reach * torch.rand(20_000, generator=rng, dtype=torch.float64)
    exact_model = network(NETWORKS["deep MLP"])
    with torch.no_grad():
        for exact, fast in zip(exact_model.layers, ready.layers, strict=True):
            assert isinstance(exact, Interaction)
            assert isinstance(fast.radial, Splines)
            wanted = exact.radial(exact_model.bessel(distances))
            off = (fast.radial(ready.bessel(distances.to(dtype))).values - wanted).abs().amax(1) / wanted.abs().max()
            assert off.square().mean().sqrt() <= TOLERANCE[dtype]
            assert off.max() <= 10 * TOLERANCE[dtype]


def test_the_network_itself_is_left_alone() -> None:
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    prepared(model)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(p.requires_grad for p in model.parameters())
