"""The radial MLP against e3nn's own, float64."""

from __future__ import annotations

import torch
from e3nn.nn import FullyConnectedNet

from trajcast.model.embedding import SILU, RadialNet


def test_radial_net_is_e3nns_fully_connected_net_without_its_last_layer() -> None:
    rng = torch.Generator().manual_seed(5)
    ours = RadialNet([8, 7, 6], torch.Generator().manual_seed(2)).double()
    theirs = FullyConnectedNet([8, 7, 6, 4], torch.nn.functional.silu).double()
    with torch.no_grad():
        for layer, weight in zip(theirs, ours.weights, strict=False):
            layer.weight.copy_(weight)
        theirs[-1].weight.copy_(torch.randn(6, 4, generator=rng, dtype=torch.float64))
    x = torch.randn(9, 8, generator=rng, dtype=torch.float64)
    torch.testing.assert_close(SILU * ours(x) @ theirs[-1].weight / 6**0.5, theirs(x), rtol=1e-10, atol=1e-12)
