"""Spectra and velocity autocorrelations of oscillators, noise and Brownian particles."""

import numpy as np
import pytest
from synthetic import context, curve, ornstein_uhlenbeck, spec, write

from trajcast.core.units import PER_CM
from trajcast.io.trajectory import Trajectory
from trajcast.observables import vacf, vdos
from trajcast.observables.correlation import velocity_autocorrelations
from trajcast.observables.selection import select

RESOLUTION = 1 / (4000 * PER_CM)  # cm⁻¹; window and padding of 2 ps each


def write_velocities(path, velocities, spacing_fs, numbers=None):
    numbers = numbers or [8] * velocities.shape[1]
    return write(path, spec(numbers, 20.0), np.zeros_like(velocities), velocities, spacing_fs)


def oscillators(seed, wavenumber, frames, atoms, spacing_fs):
    phase = np.random.default_rng(seed).random((atoms, 3)) * 2 * np.pi
    times = np.arange(frames)[:, None, None] * spacing_fs
    return 0.01 * np.cos(2 * np.pi * wavenumber * PER_CM * times + phase)


def measure(module, path, **settings):
    with Trajectory(path) as trajectory:
        return module.measure(select(trajectory), context(**settings))


@pytest.mark.parametrize("wavenumber", [200.0, 1650.0, 3700.0])
def test_oscillators_peak_at_their_wavenumber(tmp_path, wavenumber):
    path = write_velocities(tmp_path / "a.h5md", oscillators(1, wavenumber, 9000, 4, 1.0), 1.0)
    found = curve(measure(vdos, path), "O")
    x, y = np.array(found.x), np.array(found.y)
    assert abs(x[y.argmax()] - wavenumber) <= RESOLUTION / 2 + 1e-6
    assert x[1] == pytest.approx(RESOLUTION)
    assert y.sum() == pytest.approx(1, rel=1e-12)
    near = np.abs(x - wavenumber) < 5 * RESOLUTION  # Hann: main lobe of ± 4 points, next lobe 2.7 % high
    assert y[near].sum() > 0.9


def test_oscillators_beyond_nyquist_are_folded_back(tmp_path):
    path = write_velocities(tmp_path / "a.h5md", oscillators(2, 3800.0, 2000, 4, 5.0), 5.0)
    result = measure(vdos, path)
    nyquist = result.marks["Nyquist"]
    assert nyquist == pytest.approx(1 / (2 * 5e-15) / 2.99792458e10, rel=1e-9)
    found = curve(result, "O")
    assert found.x[-1] == pytest.approx(nyquist, rel=1e-12)
    assert abs(found.x[int(np.argmax(found.y))] - (2 * nyquist - 3800.0)) <= RESOLUTION / 2 + 1e-6


def test_elements_are_apart(tmp_path):
    velocities = np.concatenate([oscillators(3, 500.0, 3000, 2, 1.0), oscillators(4, 3000.0, 3000, 3, 1.0)], axis=1)
    path = write_velocities(tmp_path / "a.h5md", velocities, 1.0, [8, 8, 1, 1, 1])
    result = measure(vdos, path, blocks=2, vdos_window_ps=1.0)
    for symbol, wavenumber in (("O", 500.0), ("H", 3000.0)):
        found = curve(result, symbol)
        assert abs(found.x[int(np.argmax(found.y))] - wavenumber) <= RESOLUTION + 1e-6


def test_white_noise_is_flat_with_its_textbook_variance(tmp_path):
    """Each lag of the correlation has relative variance 1/n, so the spectrum has 2 Σ w² / n (Blackman & Tukey)."""
    frames, atoms, spacing = 8000, 8, 4.0
    velocities = np.random.default_rng(5).normal(size=(frames, atoms, 3)) * 0.01
    path = write_velocities(tmp_path / "a.h5md", velocities, spacing)
    found = curve(measure(vdos, path), "O")
    lags = round(1000 / spacing)
    interior = np.array(found.y)[20:-20] * len(found.y)
    expected = np.sqrt(2 * 3 / 8 * lags / (frames * atoms * 3))
    assert interior.mean() == pytest.approx(1, abs=0.01)
    assert interior.std() == pytest.approx(expected, rel=0.2)  # some 250 independent points: 4 standard errors
    assert np.mean(np.array(found.error)[20:-20]) * len(found.y) == pytest.approx(expected, rel=0.3)


def test_correlation_equals_the_sum_over_all_time_origins(tmp_path):
    rng = np.random.default_rng(6)
    velocities = rng.normal(size=(37, 20, 3)).astype(np.float32)
    path = write_velocities(tmp_path / "a.h5md", velocities, 1.0, [8] * 18 + [1] * 2)
    with Trajectory(path) as trajectory:
        by_fft = velocity_autocorrelations([select(trajectory)], 36)
    v = velocities.astype(np.float64)
    for symbol, atoms in (("O", slice(0, 18)), ("H", slice(18, 20))):
        direct = [(v[: 37 - k, atoms] * v[k:, atoms]).sum(axis=2).mean() for k in range(37)]
        np.testing.assert_allclose(by_fft[symbol][0], direct, rtol=1e-10, atol=1e-12)


def test_spectrum_equals_the_fourier_transform_of_the_whole_even_function():
    lags = 16
    half = np.random.default_rng(7).normal(size=lags + 1)
    hann = np.hanning(2 * lags + 1)
    even = np.concatenate([half[:0:-1], half]) * hann
    k = np.arange(2 * lags + 1)
    at = np.arange(-lags, lags + 1)
    direct = np.abs((even * np.exp(-2j * np.pi * k[:, None] * at / (4 * lags))).sum(axis=1))
    np.testing.assert_allclose(vdos.spectra(half), direct / direct.sum(), rtol=1e-12)


def test_vacf_of_brownian_particles_decays_exponentially(tmp_path):
    friction, atoms, frames, spacing = 0.01, 60, 3000, 5.0  # per fs
    _, velocities = ornstein_uhlenbeck(np.random.default_rng(8), frames, atoms, spacing, friction, 0.01)
    path = write_velocities(tmp_path / "a.h5md", velocities, spacing)
    found = curve(measure(vacf, path), "O")
    assert found.x[-1] == pytest.approx(1.0)
    # variance of a lag far out: correlation time 1/friction over the number of samples (Bartlett)
    deviation = np.array(found.y) - np.exp(-friction * 1000 * np.array(found.x))
    standard_error = np.sqrt(1 / (friction * frames * spacing * atoms * 3))
    assert found.y[0] == 1
    assert np.abs(deviation).max() < 4 * standard_error
    assert 0.3 < np.mean(found.error[50:]) / standard_error < 2


def test_a_trajectory_shorter_than_the_window_has_no_spectrum(tmp_path):
    path = write_velocities(tmp_path / "a.h5md", oscillators(9, 1000.0, 399, 2, 5.0), 5.0)
    result = measure(vdos, path)
    assert result.curves == []
    assert "399 frames" in result.note
    assert "window of 2 ps" in result.note
    shown = measure(vacf, path)
    assert len(curve(shown, "O").x) == 201
    assert curve(shown, "O").error is None
    assert "without errors" in shown.note


def test_atoms_at_rest_have_no_spectrum(tmp_path):
    path = write_velocities(tmp_path / "a.h5md", np.zeros((2500, 2, 3)), 1.0)
    for module in (vdos, vacf):
        result = measure(module, path)
        assert result.curves == []
        assert "do not move" in result.note
