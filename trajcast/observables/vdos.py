"""Vibrational density of states of each element: the spectrum of its velocity autocorrelation.

The autocorrelation, an even function of time, is multiplied by a Hann window of full width `vdos_window_ps` and
zero-padded by the same length; the modulus of its Fourier transform is normalised to unit sum. Velocities are not mass
weighted. The definition is that of Schran et al. 2021, doi:10.1073/pnas.2110077118. The spectrum ends at the Nyquist
wavenumber of the frame spacing; vibrations above it are aliased.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from trajcast.core.units import PER_CM, PS
from trajcast.observables import Context
from trajcast.observables.blocks import standard_error
from trajcast.observables.correlation import velocity_autocorrelations
from trajcast.observables.result import Curve, Result
from trajcast.observables.selection import Selection

HIGHEST = 4500.0  # cm⁻¹, above all molecular vibrations


def measure(selection: Selection, context: Context) -> Result:
    """Measure normalised spectra against wavenumber, with errors from blocks and the Nyquist wavenumber marked."""
    window_fs, count = context.settings.vdos_window_ps * PS, context.settings.blocks
    curves, marks, limit, note = [], {}, None, ""
    spacing = selection.spacing_fs
    if spacing is None or len(selection) < 2:
        note = f"not measured: {len(selection)} frame(s)"
    else:
        nyquist = 1 / (2 * spacing * PER_CM)
        marks, limit = {"Nyquist": nyquist}, (0.0, min(HIGHEST, 1.02 * nyquist))
        lags = round(window_fs / 2 / spacing)
        if len(selection) < 2 * lags or lags < 2:
            note = (
                f"not measured: {len(selection)} frames {spacing:g} fs apart do not fill (or resolve) the window of "
                f"{window_fs / PS:g} ps"
            )
        else:
            blocks = selection.blocks(count)
            if len(blocks[0]) < 2 * lags:
                blocks, note = [], f"without errors: {count} blocks are shorter than the window"
            wavenumbers = np.arange(2 * lags + 1) / (4 * lags * spacing) / PER_CM
            whole = velocity_autocorrelations([selection], lags)
            parts = velocity_autocorrelations(blocks, lags)
            for symbol, values in whole.items():
                if values[0, 0] <= 0:
                    note = f"not measured for {symbol}: its atoms do not move"
                    continue
                y = spectra(parts[symbol]) if blocks else None
                curves.append(
                    Curve(
                        name=symbol,
                        x=wavenumbers.tolist(),
                        y=spectra(values)[0].tolist(),
                        error=None if y is None else standard_error(y).tolist(),
                        blocks=[] if y is None else y.tolist(),
                    )
                )
    return Result(
        observable="vdos",
        title="Vibrational densities of states",
        x_label="wavenumber / cm⁻¹",
        y_label="VDOS (unit sum)",
        curves=curves,
        marks=marks,
        x_limits=limit,
        scored=True,
        caption=f"Per element, not mass weighted; Hann window and zero padding {window_fs / PS:g} ps each; "
        f"{selection}; standard errors from {count} blocks. Vibrations above the Nyquist wavenumber of the frame "
        "spacing are aliased.",
        note=note,
    )


def spectra(correlations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spectra (…, 2 lags + 1) of correlations at lags 0 … lags (last axis), each with unit sum.

    Point k is at the frequency k / (4 × lags × spacing), the last one at the Nyquist frequency.
    """
    lags = correlations.shape[-1] - 1
    hann = 0.5 * (1 + np.cos(np.pi * np.arange(lags + 1) / lags))
    padding = [(0, 0)] * (correlations.ndim - 1) + [(0, lags)]
    # the type I cosine transform of half an even function is the Fourier transform of the whole
    intensity = np.abs(dct(np.pad(correlations * hann, padding), type=1))
    return intensity / intensity.sum(axis=-1, keepdims=True)
