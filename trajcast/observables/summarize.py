"""Summarise a long trajectory of reference MD in small files: its observables and provenance."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trajcast.io.files import write_json
from trajcast.io.formats import MD_SUMMARY
from trajcast.io.provenance import provenance
from trajcast.io.trajectory import Trajectory
from trajcast.observables import Context, observables
from trajcast.observables.references import RECORD, physics
from trajcast.observables.selection import select

DIGITS = 7  # significant, as in single precision; halves the file sizes
log = logging.getLogger(__name__)


def summarize(md: Trajectory, context: Context, spacings_fs: Sequence[float], folder: Path) -> None:
    """Measure every observable of `md` at each frame spacing; the record, written last, marks the summary complete."""
    frames = {}
    for spacing_fs in spacings_fs:
        selection = select(md, spacing_fs)
        frames[f"{spacing_fs:g}"] = str(selection)
        for name, module in observables().items():
            log.info("%s, %s", name, selection)
            result = module.measure(selection, context)
            write_json(folder / f"{spacing_fs:g}fs" / f"{name}.json", rounded(asdict(result)))
    settings = context.settings.model_dump(mode="json")
    write_json(
        folder / RECORD,
        {
            "format": MD_SUMMARY.name,
            "physics": physics(context.reference),
            "observables": settings,
            "spacings_fs": list(spacings_fs),
            "frames": frames,
            "duration_ps": len(md) * md.interval_fs / 1000,
            "atoms": md.spec.n_atoms,
            "md": md.provenance,
            "provenance": provenance("observables", settings),
        },
    )


def rounded(value: Any) -> Any:
    """Round all numbers in nested lists and mappings to `DIGITS` significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list | tuple) else value
