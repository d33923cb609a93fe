"""Symmetries and conservation laws of the network, in float64."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from small_systems import NOTHING, SCALES, SMALL, network, normal, random_state, rotation

from trajcast.config.settings import NetworkSettings
from trajcast.core.errors import UserError
from trajcast.core.geometry import replicate
from trajcast.core.mechanics import angular_momentum, momentum
from trajcast.core.neighbors.find import find_neighbors
from trajcast.core.neighbors.neighbor_list import Neighbors
from trajcast.core.state import State, join
from trajcast.core.system_spec import spec_of
from trajcast.model.network import Prediction, TrajCast

EXACT = {"rtol": 1e-10, "atol": 1e-12}
STATES = {"periodic": 6.0, "vacuum": None}


def predict(model: TrajCast, state: State) -> Prediction:
    with torch.no_grad():
        return model(state, find_neighbors(state, model.scales.cutoff))


@pytest.fixture(scope="module")
def model() -> TrajCast:
    return network()


def test_paper_settings_give_the_papers_number_of_weights() -> None:
    count = sum(p.numel() for p in network(NetworkSettings()).parameters())
    assert 2.2e6 <= count <= 2.3e6


@pytest.mark.parametrize("length", STATES.values(), ids=STATES.keys())
@pytest.mark.parametrize("improper", [False, True], ids=["rotation", "rotation and inversion"])
@pytest.mark.parametrize("l_max", [1, 2, 3])
def test_equivariance(length: float | None, improper: bool, l_max: int) -> None:
    model = network(replace(SMALL, l_max=l_max))
    state, turn = random_state(3, length=length, momentum=0.2), rotation(5, improper)
    turned = replace(
        state, positions=state.positions @ turn.T, velocities=state.velocities @ turn.T, cell=state.cell @ turn.T
    )
    here, there = predict(model, state), predict(model, turned)
    torch.testing.assert_close(there.displacement, here.displacement @ turn.T, **EXACT)
    torch.testing.assert_close(there.velocity, here.velocity @ turn.T, **EXACT)


def test_translation_and_wrapping_change_nothing(model: TrajCast) -> None:
    state = random_state(4)
    images = torch.randint(-2, 3, state.positions.shape, generator=torch.Generator().manual_seed(0)).double()
    moved = replace(state, positions=state.positions + 1.234 + images @ state.cell[0])
    here, there = predict(model, state), predict(model, moved)
    torch.testing.assert_close(there.displacement, here.displacement, **EXACT)
    torch.testing.assert_close(there.velocity, here.velocity, **EXACT)


def test_order_of_atoms_does_not_matter(model: TrajCast) -> None:
    state = random_state(5)
    order = torch.randperm(state.n_atoms, generator=torch.Generator().manual_seed(1))
    fields = ("positions", "velocities", "masses", "numbers")
    shuffled = replace(state, **{name: getattr(state, name)[order] for name in fields})
    here, there = predict(model, state), predict(model, shuffled)
    torch.testing.assert_close(there.displacement, here.displacement[order], **EXACT)
    torch.testing.assert_close(there.velocity, here.velocity[order], **EXACT)


def test_order_of_neighbors_and_unused_capacity_do_not_matter(model: TrajCast) -> None:
    state = random_state(6)
    found = find_neighbors(state, model.scales.cutoff)
    rng = torch.Generator().manual_seed(2)
    order = torch.cat(
        [a + torch.randperm(b - a, generator=rng) for a, b in pairwise(found.first.tolist())]
        + [torch.arange(len(found.index), len(found.index) + 5)]
    )
    other = Neighbors(
        first=found.first,
        index=torch.cat([found.index, torch.zeros(5, dtype=torch.long)])[order],
        vectors=torch.cat([found.vectors, torch.tensor([model.scales.cutoff, 0.0, 0.0]).expand(5, 3)])[order],
        cutoff=found.cutoff,
    )
    with torch.no_grad():
        here, there = model(state, found), model(state, other)
    torch.testing.assert_close(there.velocity, here.velocity, **EXACT)


def test_batch_equals_one_by_one(model: TrajCast) -> None:
    states = [random_state(7), random_state(8, atoms=9, length=5.0), random_state(9, length=None)]
    together = predict(model, join(states))
    alone = [predict(model, state) for state in states]
    torch.testing.assert_close(together.displacement, torch.cat([p.displacement for p in alone]), **EXACT)
    torch.testing.assert_close(together.velocity, torch.cat([p.velocity for p in alone]), **EXACT)


def test_supercell_equals_cell(model: TrajCast) -> None:
    state = random_state(10)
    spec, positions = replicate(spec_of(state), state.positions, (2, 1, 3))
    bigger = spec.state(positions.numpy(), state.velocities.repeat(6, 1).numpy())
    here, there = predict(model, state), predict(model, bigger)
    torch.testing.assert_close(there.displacement, here.displacement.repeat(6, 1), **EXACT)
    torch.testing.assert_close(there.velocity, here.velocity.repeat(6, 1), **EXACT)


@pytest.mark.parametrize("length", STATES.values(), ids=STATES.keys())
@pytest.mark.parametrize("total", [0.0, 0.7])
def test_momentum_is_kept_and_the_centre_of_mass_moves_with_it(
    model: TrajCast, length: float | None, total: float
) -> None:
    state = random_state(11, length=length, momentum=total)
    step = predict(model, state)
    torch.testing.assert_close(momentum(replace(state, velocities=step.velocity)), momentum(state), **EXACT)
    moved = (state.masses[:, None] * step.displacement).sum(0)
    rounding = 1e-14 * (state.masses[:, None] * step.displacement).abs().sum().item()
    torch.testing.assert_close(moved, model.scales.horizon_fs * momentum(state)[0], rtol=1e-10, atol=rounding)


@pytest.mark.parametrize("spin", [0.0, 0.05])
def test_angular_momentum_is_kept_in_vacuum(model: TrajCast, spin: float) -> None:
    state = random_state(12, length=None)
    axis = torch.tensor([0.3, -0.5, 0.8], dtype=torch.float64) * spin
    center = state.positions.mean(0)
    state = replace(
        state, velocities=state.velocities + torch.linalg.cross(axis.expand(12, 3), state.positions - center)
    )
    step = predict(model, state)
    after = replace(state, positions=state.positions + step.displacement, velocities=step.velocity)
    torch.testing.assert_close(angular_momentum(after), angular_momentum(state), **EXACT)
    torch.testing.assert_close(momentum(after), momentum(state), **EXACT)


def test_atoms_beyond_the_cutoff_do_not_matter_and_approach_smoothly() -> None:
    """One layer: moving an atom across the cutoff changes the prediction continuously, from no influence on."""
    model = network(replace(SMALL, layers=1))
    pair = random_state(13, atoms=2, length=None)

    def velocity_of_first(distance: float) -> torch.Tensor:
        positions = torch.tensor([[0.0, 0.0, 0.0], [distance, 0.0, 0.0]], dtype=torch.float64)
        state = replace(pair, positions=positions)
        neighbors = find_neighbors(state, model.scales.cutoff)
        with torch.no_grad():
            return model._network(state.velocities, model.constants(state), neighbors)[0]

    far, near = velocity_of_first(3.5), velocity_of_first(2.0)
    assert (far - near).abs().max() > 1e-3
    for gap in (1e-3, 1e-4):  # the polynomial falls like the third power of the gap
        assert (velocity_of_first(3.0 - gap) - far).abs().max() < 1e3 * gap**3


def test_rotating_only_the_velocities_changes_the_prediction(model: TrajCast) -> None:
    state, turn = random_state(14), rotation(2, improper=False)
    here = predict(model, state)
    there = predict(model, replace(state, velocities=state.velocities @ turn.T))
    assert (there.velocity - here.velocity @ turn.T).abs().max() > 1e-4


def test_output_scales_and_baseline() -> None:
    """Scales of zero leave the baseline alone: Δr = a v, v' = b v with each element's coefficients."""
    model = network(outputs=NOTHING, baseline=((2.0, 1.0), (2.0, 1.0)))
    state = random_state(15)
    step = predict(model, state)
    torch.testing.assert_close(step.displacement, 2.0 * state.velocities, **EXACT)
    torch.testing.assert_close(step.velocity, state.velocities, **EXACT)


def test_float32_agrees_with_float64(model: TrajCast) -> None:
    state = random_state(16)
    exact, rounded = predict(model, state), predict(network().float(), state)
    assert rounded.velocity.dtype is torch.float64
    torch.testing.assert_close(rounded.velocity, exact.velocity, rtol=0, atol=1e-5 * exact.velocity.abs().max().item())


def test_unknown_element_is_named(model: TrajCast) -> None:
    state = random_state(17)
    foreign = replace(state, numbers=torch.where(state.numbers == 8, 14, state.numbers))
    with pytest.raises(UserError, match=r"knows H, O, not Si"):
        predict(model, foreign)


def test_an_atom_at_rest_is_fine(model: TrajCast) -> None:
    state = replace(random_state(18), velocities=torch.zeros(12, 3, dtype=torch.float64))
    assert torch.isfinite(predict(model, state).velocity).all()


def test_same_seed_same_weights_and_no_global_randomness() -> None:
    before = torch.get_rng_state()
    first, second, other = network(seed=1), network(seed=1), network(seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.embed.weights["0e"], other.embed.weights["0e"])


def test_every_weight_has_a_gradient(model: TrajCast) -> None:
    state = random_state(19)
    step = model(state, find_neighbors(state, SCALES.cutoff))
    (step.velocity * normal(12, torch.Generator().manual_seed(3))).sum().backward()
    dead = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().max() > 0}
    model.zero_grad()
    # only 1o is read out, and the scalars that gate it: the last layer's other outputs lead nowhere, as in the paper
    names = [f"{part}.weights.{l}{p}" for part in ("update", "self_connection") for l in (0, 1, 2) for p in "eo"]
    names = [n for n in names if n not in ("update.weights.0e", "update.weights.1o", "self_connection.weights.1o")]
    assert dead <= {f"layers.1.{name}" for name in [*names, "contraction.weights.0o"]}
