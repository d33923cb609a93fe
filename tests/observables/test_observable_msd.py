"""Diffusion of ballistic and Brownian particles."""

import numpy as np
import pytest
from synthetic import context, curve, ornstein_uhlenbeck, scalar, spec, write

from trajcast.io.trajectory import Trajectory
from trajcast.observables import msd
from trajcast.observables.selection import select

TO_UNIT = 1e4  # Å²/fs in 1e-9 m²/s


def measure(path, **settings):
    with Trajectory(path) as trajectory:
        return msd.measure(select(trajectory), context(**settings))


def write_positions(path, positions, spacing_fs, numbers=None):
    numbers = numbers or [8] * positions.shape[1]
    return write(path, spec(numbers, 8.0), positions, None, spacing_fs)


def random_walk(seed, frames, atoms, spacing_fs, diffusion):
    steps = np.random.default_rng(seed).normal(scale=np.sqrt(2 * diffusion * spacing_fs), size=(frames, atoms, 3))
    return np.cumsum(steps, axis=0)


def test_free_flight_is_quadratic(tmp_path):
    """MSD = ⟨|v − V|²⟩ t², V the velocity of the centre of mass, which the masses weight."""
    rng = np.random.default_rng(1)
    numbers = [8] * 5 + [1] * 4
    v = rng.normal(scale=0.01, size=(9, 3)) + 0.02
    positions = v * np.arange(81)[:, None, None] * 50.0
    result = measure(
        write_positions(tmp_path / "a.h5md", positions, 50.0, numbers), msd_fit_to_ps=1.0, msd_fit_from_ps=0.5
    )
    masses = np.array([15.999] * 5 + [1.008] * 4)
    v = v - masses @ v / masses.sum()
    for symbol, atoms in (("O", slice(0, 5)), ("H", slice(5, 9))):
        found = curve(result, symbol)
        assert found.x[-1] == pytest.approx(1.0)
        expected = (v[atoms] ** 2).sum(1).mean() * (1000 * np.array(found.x)) ** 2
        np.testing.assert_allclose(found.y, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found.error, 0, atol=1e-4)


def test_brownian_particles_have_their_diffusion_coefficient(tmp_path):
    """Both estimates agree with D (1 − 1/N), the rest being the diffusion of the centre of mass; drift is harmless."""
    diffusion, atoms, frames = 2.0e-4, 100, 801  # Å²/fs: 2 × 1e-9 m²/s
    walk = random_walk(2, frames, atoms, 50.0, diffusion)
    drift = np.arange(frames)[:, None, None] * np.array([0.3, -0.1, 0.2])
    result = measure(write_positions(tmp_path / "a.h5md", walk + drift, 50.0), msd_fit_to_ps=5.0)
    expected = diffusion * (1 - 1 / atoms) * TO_UNIT
    relative = walk - walk.mean(axis=1, keepdims=True)
    times = np.arange(20, 101) * 50.0
    of_each = [msd.mean_squared_displacement(relative[:, [i]], 100)[20:] for i in range(atoms)]
    slopes = np.polyfit(times, np.array(of_each).T, 1)[0] / 6 * TO_UNIT
    standard_error = slopes.std(ddof=1) / np.sqrt(atoms)
    by_slope, by_stacie = scalar(result, "D of O (MSD"), scalar(result, "D of O (STACIE")
    assert by_slope.value == pytest.approx(slopes.mean(), rel=1e-5)
    assert abs(by_slope.value - expected) < 4 * standard_error
    assert 0.25 < by_slope.error / standard_error < 2.5  # from four blocks
    assert abs(by_stacie.value - expected) < 4 * by_stacie.error
    # the best that any estimate can do: ½ ln-likelihood of N × 3 × frames squared steps
    assert by_stacie.error > 0.8 * expected * np.sqrt(2 / (3 * atoms * frames))
    assert by_slope.unit == by_stacie.unit == "1e-9 m²/s"


def test_msd_of_langevin_particles_against_its_closed_form(tmp_path):
    """MSD = 6 D (t − (1 − exp(−γt)) / γ) with D = ⟨v²⟩ / γ."""
    friction, speed, atoms, frames = 0.004, 0.002, 200, 601
    positions, _ = ornstein_uhlenbeck(np.random.default_rng(3), frames, atoms, 50.0, friction, speed)
    result = measure(write_positions(tmp_path / "a.h5md", positions, 50.0), msd_fit_from_ps=2.0, msd_fit_to_ps=5.0)
    found = curve(result, "O")
    diffusion = speed**2 / friction * (1 - 1 / atoms)
    t = 1000 * np.array(found.x)
    expected = 6 * diffusion * (t - (1 - np.exp(-friction * t)) / friction)
    # one lag of length t has about duration / t independent displacements of each atom and direction
    relative_error = np.sqrt(2 / (3 * atoms) * np.maximum(t, 1 / friction) / (frames * 50.0))
    assert (np.abs(found.y - expected)[1:] < 4 * relative_error[1:] * expected[1:]).all()
    by_stacie = scalar(result, "D of O (STACIE")
    assert abs(by_stacie.value - diffusion * TO_UNIT) < 4 * by_stacie.error


def test_stated_errors_are_the_spread_over_repeats(tmp_path):
    friction, speed, repeats = 0.004, 0.002, 12
    values, errors = {"MSD": [], "STACIE": []}, {"MSD": [], "STACIE": []}
    for repeat in range(repeats):
        positions, _ = ornstein_uhlenbeck(np.random.default_rng([4, repeat]), 401, 30, 50.0, friction, speed)
        path = write_positions(tmp_path / f"{repeat}.h5md", positions, 50.0)
        result = measure(path, msd_fit_from_ps=1.0, msd_fit_to_ps=2.5)
        for name in values:
            found = scalar(result, f"D of O ({name}")
            values[name].append(found.value)
            errors[name].append(found.error)
    for name in values:
        spread = np.std(values[name], ddof=1)
        typical = np.sqrt(np.mean(np.square(errors[name])))
        assert 0.5 < typical / spread < 2  # the spread of 12 is known to 20 %, the errors better
        expected = speed**2 / friction * (1 - 1 / 30) * TO_UNIT
        if name == "STACIE":  # the spectrum at f → 0 of a finite stretch of time
            expected *= 1 - 1 / (friction * 20000)
        assert abs(np.mean(values[name]) - expected) < 4 * spread / np.sqrt(repeats)


def test_too_short_for_the_fit_range_gives_no_number_but_a_reason(tmp_path):
    result = measure(write_positions(tmp_path / "a.h5md", random_walk(5, 60, 4, 50.0, 2e-4), 50.0), msd_fit_to_ps=5.0)
    found = scalar(result, "D of O (MSD")
    assert found.value is None
    assert "ends at 2.95 ps" in found.note
    assert len(curve(result, "O").x) == 60
    assert "only up to 2.95 ps" in result.note


def test_blocks_shorter_than_the_fit_range_leave_the_error_out(tmp_path):
    result = measure(write_positions(tmp_path / "a.h5md", random_walk(6, 201, 4, 50.0, 2e-4), 50.0), msd_fit_to_ps=5.0)
    found = scalar(result, "D of O (MSD")
    assert found.value is not None
    assert found.error is None
    assert "blocks are shorter" in found.note


@pytest.mark.parametrize("frames", [400, 401])
def test_blocks_as_long_as_the_fit_range_give_an_error(tmp_path, frames):
    result = measure(
        write_positions(tmp_path / "a.h5md", random_walk(7, frames, 4, 50.0, 2e-4), 50.0), msd_fit_to_ps=5.0
    )
    assert scalar(result, "D of O (MSD").error is not None
    assert curve(result, "O").x[-1] == pytest.approx(5.0 if frames == 401 else 4.95)


@pytest.mark.parametrize("cell", [8.0, None], ids=["crystal", "molecule"])
def test_nothing_is_made_of_what_does_not_diffuse(tmp_path, cell):
    """No fit range, or no periodic direction: neither a curve nor a number that a page could show."""
    positions = random_walk(9, 300, 4, 50.0, 2e-4)
    path = write(tmp_path / "a.h5md", spec([8] * 4, cell), positions, None, 50.0)
    without = {} if cell is None else {"msd_fit_from_ps": None, "msd_fit_to_ps": None}
    result = measure(path, **without)
    assert (result.curves, result.scalars) == ([], [])
    assert ("does not diffuse" in result.note) == (cell is None)
