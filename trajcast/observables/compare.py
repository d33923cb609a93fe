"""All observables of reference MD and forecast, measured at one frame spacing and written as files."""

from __future__ import annotations

import logging
from pathlib import Path

from trajcast.errors import UserError
from trajcast.files import write_json
from trajcast.observables import Context, observables
from trajcast.observables.result import Result
from trajcast.observables.selection import select
from trajcast.observables.summary import verdict_rows
from trajcast.provenance import provenance
from trajcast.trajectory import Trajectory

NAMES = {"md": "MD", "forecast": "forecast"}
log = logging.getLogger(__name__)


def compare(md: Trajectory, forecast: Trajectory, context: Context, folder: Path) -> None:
    """Measure every observable on both trajectories and write results, tables and the summary into `folder`.

    The MD is read at the forecast's frame spacing, or at its own where the forecast has fewer than two frames.
    Raises UserError when the MD is too short, its interval does not divide the forecast's, or the elements differ.
    """
    if set(md.topology.numbers.tolist()) != set(forecast.topology.numbers.tolist()):
        raise UserError(
            f"{forecast.path} and {md.path} hold different elements; give a forecast and the reference MD of its system"
        )
    of_forecast = select(forecast)
    selections = {"md": select(md, of_forecast.spacing_fs or md.interval_fs), "forecast": of_forecast}
    results: dict[str, dict[str, Result]] = {name: {} for name in selections}
    modules = observables()
    for index, (name, module) in enumerate(modules.items(), 1):
        for kind, selection in selections.items():
            log.info("observable %d of %d: %s of the %s, %s", index, len(modules), name, NAMES[kind], selection)
            result = results[kind][name] = module.measure(selection, context)
            result.save(folder / kind / f"{name}.json")
            result.save_csv(folder / kind / f"{name}.csv")
            if result.note:
                log.warning("%s of the %s: %s", name, NAMES[kind], result.note)
    write_json(
        folder / "summary.json",
        {
            "provenance": provenance("observables", context.settings.model_dump(mode="json")),
            "frames": {kind: str(selection) for kind, selection in selections.items()},
            "rows": verdict_rows(
                results["md"], results["forecast"], len(selections["md"]), len(selections["forecast"])
            ),
        },
    )
