"""Muon against a plain loop over matrices and torch's own; what is skipped leaves nothing behind."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from trajcast.config.settings import NetworkSettings, TrainingSettings
from trajcast.model.network import Scales, TrajCast
from trajcast.training.flat_parameters import FlatParameters
from trajcast.training.optimizers import make, muon
from trajcast.training.optimizers.muon import COEFFICIENTS, MOMENTUM, SIZE, SMALLEST, STEPS, by_gram, direct, stacks

NETWORK = NetworkSettings(channels=6, l_max=1, layers=2, radial_mlp=[8, 7], speed_mlp=[8, 7])
SCALES = Scales(
    horizon_fs=5.0,
    cutoff=4.0,
    species=(1, 6, 8),
    average_neighbors=20.0,
    speed_max=0.3,
    outputs=((1.0, 1.0),) * 3,
    baseline=((0.0, 0.0),) * 3,
)
YES, NO = torch.tensor(True), torch.tensor(False)


def random(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network() -> TrajCast:
    return TrajCast(NETWORK, SCALES, torch.Generator().manual_seed(1))


def plain(matrix: Tensor) -> Tensor:
    """The iteration as it is published, on one matrix in double precision."""
    a, b, c = COEFFICIENTS
    x = matrix.T if len(matrix) > len(matrix.T) else matrix
    x = x / x.norm()
    for _ in range(STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if len(matrix) > len(matrix.T) else x


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 8, 50), (1, 64, 320)])
def test_the_iteration_is_the_published_one(shape: tuple[int, int, int]) -> None:
    x = random(*shape)
    for one, other in zip(x, by_gram(x), strict=True):
        torch.testing.assert_close(other.double(), plain(one), rtol=0, atol=2e-4)


@pytest.mark.parametrize("smallest", [1.0, 1e-3], ids=["even", "uneven"])
def test_bfloat16_changes_an_update_by_a_few_percent(smallest: float) -> None:
    """Of matrices with singular values alike and with some that are a thousand times smaller."""
    x = random(3, 40, 40) @ torch.diag(torch.logspace(0, math.log10(smallest), 40, dtype=torch.float64))
    for one, other in zip(x, direct(x), strict=True):
        assert (other.double() - plain(one)).norm() < 0.03 * plain(one).norm()


@pytest.mark.parametrize("orthogonal", [by_gram, direct])
def test_updates_are_nearly_orthogonal_whatever_the_scale(orthogonal: Callable[[Tensor], Tensor]) -> None:
    """All directions of a matrix get nearly the same step, along its own singular vectors."""
    x = random(4, 20, 60)
    for scale in (1e-8, 1.0, 1e8):
        values = torch.linalg.svdvals(orthogonal(scale * x).double())
        assert 0.6 < values.min() < values.max() < 1.25
    u, _, vt = torch.linalg.svd(x, full_matrices=False)
    overlap = (u.mT @ orthogonal(x).double() @ vt.mT).diagonal(dim1=1, dim2=2)
    assert overlap.min() > 0.6


@pytest.mark.parametrize("orthogonal", [by_gram, direct])
def test_a_zero_gradient_moves_nothing(orthogonal: Callable[[Tensor], Tensor]) -> None:
    assert orthogonal(torch.zeros(2, 5, 9)).abs().max() == 0


def test_every_matrix_once_and_whole() -> None:
    """Element-dependent maps count as one matrix for each element."""
    shapes = [torch.Size(s) for s in ((7, 3), (6, 3, 9), (9, 6), (8, 8), (5,))]
    vector = torch.arange(sum(s.numel() for s in shapes))
    found = {tuple(stack[0].shape): stack for stack in stacks(vector, shapes)}
    assert {shape: len(stack) for shape, stack in found.items()} == {(6, 9): 4, (8, 8): 1}
    cube = vector[21 : 21 + 162].view(6, 3, 9)
    for element in range(3):
        assert torch.equal(found[6, 9][element], cube[:, element])
    assert torch.equal(found[6, 9][3], vector[183:237].view(9, 6).T)
    found[8, 8][0].zero_()
    assert vector[237:301].abs().max() == 0


def test_updates_are_those_of_a_loop_over_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a network, over several updates: Nesterov's momentum orthogonalised, and torch's Adam for the rest."""
    monkeypatch.setattr(muon, "method", lambda shape, device: by_gram)
    one, other = network(), network()
    weights = FlatParameters(one, TrainingSettings(network=NETWORK, samples=1, seed=1))
    parameters = list(other.parameters())

    def pieces(parameter: Tensor) -> list[Tensor]:
        return list(parameter.detach().unbind(1)) if parameter.ndim == 3 else [parameter.detach()]

    small = [p for p in parameters if p.ndim < 2 or min(p.shape[0], p.shape[-1]) < SMALLEST]
    large = [p for p in parameters if all(p is not q for q in small)]
    assert small
    assert len(large) > 10
    adam = torch.optim.Adam(small)
    momenta = [torch.zeros_like(p) for p in large]
    for update in range(3):
        rate = 0.02 / (update + 1)
        gradients = [random(*p.shape, seed=100 * update + number) for number, p in enumerate(parameters)]
        weights.gradient[:-1] = torch.cat([g.flatten() for g in gradients])
        weights.rate.fill_(rate)
        weights.step(YES)
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = g
        for p, momentum in zip(large, momenta, strict=True):
            momentum.mul_(MOMENTUM).add_(p.grad)
            for piece, ahead in zip(pieces(p), pieces(p.grad + MOMENTUM * momentum), strict=True):
                piece -= rate * SIZE * math.sqrt(max(piece.shape)) * plain(ahead)
        adam.param_groups[0]["lr"] = rate
        adam.step()
    for found, expected in zip(one.parameters(), parameters, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=2e-5)


def test_torch_takes_the_same_step() -> None:
    """torch.optim.Muon computes in bfloat16: three digits."""
    start, gradient = random(12, 30), random(12, 30, seed=2)
    vector = start.flatten().clone()
    make("muon", vector, gradient.flatten(), [start.shape]).step(torch.tensor(0.02), YES)
    weight = torch.nn.Parameter(start.clone())
    weight.grad = gradient
    torch.optim.Muon([weight], lr=0.02, weight_decay=0.0, adjust_lr_fn="match_rms_adamw").step()
    ours, theirs = vector.view(12, 30) - start, weight.detach() - start
    assert (ours - theirs).norm() < 0.02 * theirs.norm()


@pytest.mark.parametrize("name", ["adam", "muon"])
def test_what_is_skipped_leaves_nothing_behind(name: str) -> None:
    weights = FlatParameters(
        network(), TrainingSettings(network=NETWORK, samples=1, seed=1, optimizer=name, ema_decay=0.9)
    )
    for update in range(3):
        weights.gradient.copy_(random(len(weights.gradient), seed=update))
        weights.rate.fill_(0.01)
        weights.step(YES)
    before = [weights.vector.clone(), weights.averages.clone(), *map(torch.clone, tensors(weights.optimizer))]
    weights.gradient[7] = torch.nan
    weights.step(NO)
    after = [weights.vector, weights.averages, *tensors(weights.optimizer)]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("name", ["adam", "muon"])
def test_one_that_forgot_is_as_new(name: str) -> None:
    found = []
    for earlier in (0, 3):
        weights = FlatParameters(network(), TrainingSettings(network=NETWORK, samples=1, seed=1, optimizer=name))
        start = weights.vector.clone()
        for update in range(earlier):
            weights.gradient.copy_(random(len(weights.gradient), seed=update))
            weights.rate.fill_(0.01)
            weights.step(YES)
        weights.optimizer.forget()
        weights.vector.copy_(start)
        weights.gradient.copy_(random(len(weights.gradient), seed=9))
        weights.rate.fill_(0.01)
        weights.step(YES)
        found.append(weights.vector.clone())
    assert torch.equal(*found)


def tensors(optimizer: object) -> list[Tensor]:
    """All that it remembers."""
    state = optimizer.state_dict()  # type: ignore[attr-defined]
    flat = [*state.values(), *state.get("adam", {}).values()]
    return [value for value in flat if isinstance(value, Tensor)]
