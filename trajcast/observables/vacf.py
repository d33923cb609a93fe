"""Velocity autocorrelation function of each element, normalised to 1 at t = 0."""

from __future__ import annotations

import numpy as np

from trajcast.core.units import PS
from trajcast.observables import Context
from trajcast.observables.blocks import standard_error
from trajcast.observables.correlation import velocity_autocorrelations
from trajcast.observables.result import Curve, Result
from trajcast.observables.selection import Selection


def measure(selection: Selection, context: Context) -> Result:
    """Measure ⟨v(0)·v(t)⟩ / ⟨v²⟩ up to half the VDOS window, with errors from blocks."""
    window_ps, count = context.settings.vdos_window_ps, context.settings.blocks
    curves, note = [], ""
    if selection.spacing_fs is None or len(selection) < 2:
        note = f"not measured: {len(selection)} frame(s), at least 2 are needed"
    else:
        wanted = round(window_ps * PS / 2 / selection.spacing_fs)
        lags = min(wanted, len(selection) - 1)
        if lags < wanted:
            note = f"only up to {lags * selection.spacing_fs / PS:g} ps: the trajectory ends there"
        blocks = selection.blocks(count)
        if blocks and len(blocks[0]) <= lags:
            blocks = []
            note = note or f"without errors: {count} blocks are shorter than the lags shown"
        times = np.arange(lags + 1) * selection.spacing_fs / PS
        whole = velocity_autocorrelations([selection], lags)
        parts = velocity_autocorrelations(blocks, lags)
        for symbol, values in whole.items():
            if values[0, 0] <= 0:
                note = f"not measured for {symbol}: its atoms do not move"
                continue
            y = parts[symbol] / parts[symbol][:, :1] if blocks else None
            curves.append(
                Curve(
                    name=symbol,
                    x=times.tolist(),
                    y=(values[0] / values[0, 0]).tolist(),
                    error=None if y is None else standard_error(y).tolist(),
                )
            )
    return Result(
        observable="vacf",
        title="Velocity autocorrelation functions",
        x_label="t / ps",
        y_label="⟨v(0)·v(t)⟩ / ⟨v²⟩",
        curves=curves,
        caption=f"Averaged over the atoms of each element and all time origins; {selection}; standard errors from "
        f"{count} blocks.",
        note=note,
    )
