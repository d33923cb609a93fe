"""Mean squared displacement of each element, and the self-diffusion coefficient of the heaviest one.

Displacements are those of unwrapped positions relative to the centre of mass of the whole system. Lighter atoms of a
molecule diffuse with the heaviest but also rotate about it, so they become diffusive later. D is estimated twice: from
the slope of the MSD (Einstein: MSD = 6 D t + const, linear least squares over the fit range, error from blocks), and
from the zero-frequency limit of the velocity spectrum by STACIE (Toraman et al. 2025, doi:10.1021/acs.jcim.5c01475),
which estimates its own error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajcast.config.schema import ObservableSettings
from trajcast.core.units import PS
from trajcast.observables import Context
from trajcast.observables.blocks import standard_error
from trajcast.observables.result import Curve, Result, Scalar
from trajcast.observables.selection import Selection

UNIT = "1e-9 m²/s"
TO_UNIT = 10.0  # Å²/ps in 1e-9 m²/s
TOLERANCE = 0.05  # of D from the MSD, relative
FEWEST_STEPS = 64  # for STACIE: twice the number of frequencies in its smallest fit


def measure(selection: Selection, context: Context) -> Result:
    """Measure the MSD up to the end of the fit range, and D; empty for isolated systems or without a fit range."""
    fit = _fit_range(context.settings)
    if fit is None:
        return _result([], [], str(selection), "" if len(selection) else "not measured: no frames")
    if not selection.spec.pbc.any():
        return _result([], [], str(selection), "not measured: an isolated system does not diffuse")
    return _measure(selection, context.settings, fit)


def _fit_range(settings: ObservableSettings) -> tuple[float, float] | None:
    if settings.msd_fit_from_ps is None or settings.msd_fit_to_ps is None:
        return None
    return settings.msd_fit_from_ps, settings.msd_fit_to_ps


def _measure(selection: Selection, settings: ObservableSettings, fit: tuple[float, float]) -> Result:
    sparse = selection.at_least(settings.structure_interval_fs)
    heaviest = next(iter(selection.atoms_of))
    curves, scalars, note = [], [], ""
    if sparse.spacing_fs is None or len(sparse) < 2:
        note = f"not measured: {len(sparse)} frame(s), at least 2 are needed"
        labels = [_slope_label(heaviest, fit), _stacie_label(heaviest)]
        scalars = [Scalar(**label, value=None, error=None, note=note) for label in labels]
    else:
        spacing_ps = sparse.spacing_fs / PS
        lags = min(int(fit[1] / spacing_ps + 1e-6), len(sparse) - 1)
        if (lags + 1) * spacing_ps < fit[1] - 1e-9:
            note = f"only up to {lags * spacing_ps:g} ps: the trajectory ends there"
        positions = _without_drift(sparse)
        blocks = sparse.blocks(settings.blocks, shared=1)
        if blocks and len(blocks[0]) == lags:
            lags -= 1  # blocks one frame short of the fit range still count
        for symbol, atoms in sparse.atoms_of.items():
            of_element = positions[:, atoms]
            parts = [of_element[sparse.frames.index(b.frames.start) :][: len(b)] for b in blocks]
            curves.append(_curve(symbol, of_element, parts, spacing_ps, lags))
            if symbol == heaviest:
                scalars = [
                    _slope(curves[-1], settings.blocks, fit),
                    _stacie(symbol, of_element, sparse.spacing_fs),
                ]
    caption = (
        f"Unwrapped positions relative to the centre of mass, all time origins; {sparse}; D from the slope "
        f"between {fit[0]:g} and {fit[1]:g} ps with the error of {settings.blocks} blocks, and from the velocity "
        "spectrum by STACIE. Not corrected for finite-size effects."
    )
    return _result(curves, scalars, caption, note)


def _result(curves: list[Curve], scalars: list[Scalar], caption: str, note: str) -> Result:
    return Result(
        observable="msd",
        title="Mean squared displacements",
        x_label="t / ps",
        y_label="MSD / Å²",
        curves=curves,
        scalars=scalars,
        caption=caption,
        note=note,
    )


def _slope_label(symbol: str, fit: tuple[float, float]) -> dict[str, Any]:
    return {"key": f"diffusion.{symbol}", "name": f"D of {symbol} (MSD, {fit[0]:g}–{fit[1]:g} ps)", "unit": UNIT}


def _stacie_label(symbol: str) -> dict[str, Any]:
    return {"key": f"diffusion_stacie.{symbol}", "name": f"D of {symbol} (STACIE)", "unit": UNIT}


def _without_drift(selection: Selection) -> NDArray[np.float64]:
    positions = selection.positions.astype(np.float64)
    masses = selection.spec.masses
    return positions - np.einsum("n,fnx->fx", masses / masses.sum(), positions)[:, None]


def mean_squared_displacement(positions: NDArray[np.float64], lags: int) -> NDArray[np.float64]:
    """MSD at lags 0 … `lags` (frames) of positions (frames, atoms, 3), averaged over atoms and all time origins."""
    values = np.zeros(lags + 1)
    for lag in range(1, lags + 1):
        values[lag] = ((positions[lag:] - positions[:-lag]) ** 2).sum(axis=2).mean()
    return values


def _curve(
    symbol: str,
    positions: NDArray[np.float64],
    parts: list[NDArray[np.float64]],
    spacing_ps: float,
    lags: int,
) -> Curve:
    """MSD of one element from all `positions`, with errors from `parts` if they are long enough."""
    times = np.arange(lags + 1) * spacing_ps
    y = mean_squared_displacement(positions, lags)
    long_enough = bool(parts) and len(parts[0]) > lags
    y_parts = np.array([mean_squared_displacement(part, lags) for part in parts]) if long_enough else None
    return Curve(
        name=symbol,
        x=times.tolist(),
        y=y.tolist(),
        error=None if y_parts is None else standard_error(y_parts).tolist(),
        blocks=[] if y_parts is None else y_parts.tolist(),
    )


def _slope(curve: Curve, blocks: int, fit: tuple[float, float]) -> Scalar:
    """D from the slope of an MSD, with the standard error of the slopes of its blocks."""
    label, times = _slope_label(curve.name, fit), np.array(curve.x)
    fitted = (times >= fit[0] - 1e-9) & (times <= fit[1] + 1e-9)
    if fitted.sum() < 3 or 2 * times[-1] - times[-2] < fit[1] - 1e-9:  # one step short still counts
        why = f"the MSD ends at {times[-1]:g} ps and has {fitted.sum()} point(s) in the fit range"
        return Scalar(**label, value=None, error=None, note=why)

    def diffusion(values: list[float]) -> float:
        return float(np.polyfit(times[fitted], np.array(values)[fitted], 1)[0] / 6 * TO_UNIT)

    if not curve.blocks:
        why = f"no error: {blocks} blocks are shorter than the fit range"
        return Scalar(**label, value=diffusion(curve.y), error=None, note=why)
    value, error = diffusion(curve.y), float(standard_error(np.array([diffusion(part) for part in curve.blocks])))
    return Scalar(**label, value=value, error=error, tolerance=TOLERANCE * abs(value))


def _stacie(symbol: str, positions: NDArray[np.float64], spacing_fs: float) -> Scalar:
    """D from the zero-frequency limit ½ ∫⟨v v⟩ dt of the spectrum of the mean velocities between frames."""
    from stacie.estimate import estimate_acint
    from stacie.model import PadeModel
    from stacie.spectrum import compute_spectrum

    label = _stacie_label(symbol)
    spacing_ps = spacing_fs / PS
    steps = np.diff(positions, axis=0).reshape(len(positions) - 1, -1).T / spacing_ps
    if steps.shape[1] < FEWEST_STEPS:
        why = f"{steps.shape[1]} steps are too few for STACIE, which needs {FEWEST_STEPS}"
        return Scalar(**label, value=None, error=None, note=why)
    try:
        spectrum = compute_spectrum(steps, timestep=spacing_ps)
        # (p₀ + p₂ f²) / (1 + q₂ f²), even in f: fits the decay in a gas as well as the rise due to caging in a liquid
        estimate = estimate_acint(spectrum, PadeModel([0, 2], [2]))
    except (ValueError, ArithmeticError) as error:
        why = f"STACIE found no estimate for {steps.shape[1]} steps: {error}"
        return Scalar(**label, value=None, error=None, note=why)
    value, deviation = float(estimate.acint) * TO_UNIT, float(estimate.acint_std) * TO_UNIT
    if not np.isfinite([value, deviation]).all():
        return Scalar(**label, value=None, error=None, note="STACIE's estimate is not finite")
    note = f"spectrum fitted up to {estimate.fcut:.2g} THz"
    return Scalar(**label, value=value, error=deviation, note=note)
