"""Rules of the reference stage on series whose answer is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from trajcast.config.schema import ReferenceSettings
from trajcast.config.validation import validate
from trajcast.core.errors import UserError
from trajcast.observables.blocks import correlated_mean_error
from trajcast.reference.health import drift
from trajcast.reference.protocol import plan, run_names
from trajcast.reference.starts import pick_starts


def settings(
    window: float = 20.0, spacing: float = 0.1, interval: float = 1.0, duration: float = 8.0
) -> ReferenceSettings:
    return validate(
        ReferenceSettings,
        {
            "system": "liquid",
            "engine": "lammps",
            "temperature_K": 300.0,
            "timestep_fs": 0.5,
            "seed": 1,
            "equilibration": {"duration_ps": 10.0, "damping_fs": 500.0},
            "nve": {
                "runs": 5,
                "duration_ps": duration,
                "interval_fs": interval,
                "start_window_K": window,
                "start_spacing_ps": spacing,
            },
            "nvt": {"duration_ps": 50.0, "interval_fs": 1.0, "tau_fs": 50.0},
        },
        "test",
    )


UNUSED = np.empty(0)  # energies, where the window is one of temperatures


def series(frames: int = 1000) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    times = 10.0 * np.arange(1, frames + 1)
    return times, 300 + 40 * np.sin(times / 83.0)


def test_starts_are_near_the_target_apart_late_and_spread_out():
    times, temperatures = series()
    frames = pick_starts(times, temperatures, UNUSED, settings())
    assert len(frames) == 5
    assert np.abs(temperatures[frames] - 300).max() <= 20
    assert np.diff(times[frames]).min() >= 100
    assert times[frames].min() >= times[-1] / 2
    assert times[frames[-1]] - times[frames[0]] > 0.9 * times[-1] / 2


@pytest.mark.parametrize("spacing", [0.1, 0.45, 1.2])
def test_starts_keep_their_spacing_also_where_it_leaves_no_choice(spacing: float):
    times, _ = series()
    frames = pick_starts(times, np.full(1000, 300.0), UNUSED, settings(spacing=spacing))
    assert np.diff(times[frames]).min() >= spacing * 1000 - 1e-9


def test_the_window_includes_its_ends_and_nothing_beyond():
    times = 100.0 * np.arange(1, 101)
    on_the_edge = np.where(np.arange(100) % 2, 320.0, 320.1)
    frames = pick_starts(times, on_the_edge, UNUSED, settings())
    assert set(on_the_edge[frames]) == {320.0}


def test_too_few_starts_are_an_error_that_says_what_to_change():
    times, temperatures = series()
    with pytest.raises(UserError, match=r"0 starts within 0\.001 K of 300 K .* nve\.runs is 5; .* Raise equilibration"):
        pick_starts(times, temperatures + 500, UNUSED, settings(window=0.001))
    with pytest.raises(UserError, match="2 starts within 20 K of 300 K and 4 ps apart"):
        pick_starts(times, np.full(1000, 300.0), UNUSED, settings(spacing=4.0))


def by_energy(percent: float) -> ReferenceSettings:
    of_temperature = settings()
    return of_temperature.model_copy(
        update={"nve": of_temperature.nve.model_copy(update={"start_window_K": None, "start_window_percent": percent})}
    )


def test_starts_by_energy_are_near_its_mean_whatever_the_temperature():
    times, temperatures = series()
    energies = -20 + 0.5 * np.cos(times / 97.0)
    frames = pick_starts(times, temperatures, energies, by_energy(0.5))
    mean = energies[times >= times[-1] / 2].mean()
    assert np.abs(energies[frames] - mean).max() <= 0.005 * abs(mean)
    assert np.abs(temperatures[frames] - 300).max() > 20
    with pytest.raises(UserError, match=r"within 2e-07 eV of -20\.\d+ eV .* or nve\.start_window_percent"):
        pick_starts(times, temperatures, energies, by_energy(1e-6))


@pytest.mark.parametrize("windows", [{}, {"start_window_K": 20.0, "start_window_percent": 0.1}])
def test_starts_have_one_window(windows: dict[str, float]):
    values = settings().model_dump()
    values["nve"] = {key: value for key, value in values["nve"].items() if "window" not in key} | windows
    with pytest.raises(UserError, match="give exactly one of start_window_K"):
        validate(ReferenceSettings, values, "test")


def test_error_of_the_mean_of_a_correlated_series():
    """AR(1): var(mean) = σ²/n (1 + φ)/(1 − φ); the naive error would be ten times too small."""
    rng, phi, n = np.random.default_rng(4), 0.98, 2**15
    ratios = []
    for _ in range(20):
        noise = rng.normal(size=n) * np.sqrt(1 - phi**2)
        values = np.empty(n)
        values[0] = rng.normal()
        for i in range(1, n):
            values[i] = phi * values[i - 1] + noise[i]
        ratios.append(correlated_mean_error(values) / np.sqrt((1 + phi) / (1 - phi) / n))
    assert 1.0 < np.mean(ratios) < 1.4  # the largest over block lengths: on the safe side
    assert min(ratios) > 0.8


def test_error_of_the_mean_of_independent_values():
    values = np.random.default_rng(5).normal(size=4096)
    assert correlated_mean_error(values) == pytest.approx(1 / 64, rel=0.5)
    assert np.isnan(correlated_mean_error(values[:7]))


def test_drift_is_the_slope_per_atom():
    times = np.arange(1000.0)  # fs
    noise = 1e-3 * np.sin(times)
    assert drift(times + 1e6, -1e3 + 2e-6 * times + noise, 100) == pytest.approx(2e-6 * 1e6 / 100, rel=1e-2)
    assert drift(times, -1e3 + noise, 100) == pytest.approx(0, abs=3e-4)


def test_runs_have_whole_frames():
    assert run_names(settings()) == ["nve_1", "nve_2", "nve_3", "nve_4", "nve_5", "nvt"]
    run = plan(settings(), "nve_1")
    assert (run.ensemble, run.steps, run.every) == ("NVE", 16_000, 2)
    run = plan(settings(), "equilibration")
    assert (run.steps, run.every, run.minimise, run.relaxation_fs) == (20_000, 20, True, 500.0)
    assert plan(by_energy(0.1), "equilibration").every == 4
    assert plan(settings(), "nvt").relaxation_fs == 50.0
    with pytest.raises(UserError, match=r"nve\.duration_ps in fs 8001 is not a multiple of nve\.interval_fs 2\.5"):
        plan(settings(interval=2.5, duration=8.001), "nve_1")
