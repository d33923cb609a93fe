"""Measure all observables of reference MD and rollout at one frame spacing, and write them to files."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path

from trajcast.core.errors import UserError
from trajcast.io import layout
from trajcast.io.files import write_json
from trajcast.io.provenance import provenance
from trajcast.io.trajectory import Trajectory
from trajcast.observables import Context, observables
from trajcast.observables.references import physics, read_record, read_results
from trajcast.observables.result import Result
from trajcast.observables.selection import Selection, select
from trajcast.observables.summary import verdict_rows

NAMES = {"md": "MD", "second": "second MD run", "rollout": "rollout"}
SHORTEST = 0.95  # of the rollout's length; a second MD run at least this long counts as equally long
log = logging.getLogger(__name__)


def compare(
    md: Trajectory | Path, rollout: Trajectory, context: Context, folder: Path, second: Trajectory | None = None
) -> None:
    """Measure every observable and write results, tables and the summary into `folder`.

    MD is read at the rollout's frame spacing, or at its own if the rollout has fewer than two frames.

    Args:
        md: Reference MD, or the record of its summary (`observables.references`).
        second: Another MD run, judged as if it were a rollout and read up to the length of the rollout.

    Raises:
        UserError: The interval of the MD does not divide that of the rollout, the elements differ, or the summary does
            not match the settings.
    """
    of_rollout = select(rollout)
    selections = {"rollout": of_rollout}
    for kind, trajectory in (("md", md), ("second", second)):
        if isinstance(trajectory, Trajectory):
            _check_elements(trajectory, rollout)
            selections[kind] = select(trajectory, of_rollout.spacing_fs or trajectory.interval_fs)
    if "second" in selections and len(of_rollout) > 1:
        of_second = selections["second"]
        selections["second"] = replace(of_second, frames=of_second.frames[: len(of_rollout)])
    if second is None and (folder / "second").exists():
        shutil.rmtree(folder / "second")  # left by a second run that is no longer requested
    results = {kind: _measure(kind, selection, context, folder) for kind, selection in selections.items()}
    frames, shipped = {kind: str(selection) for kind, selection in selections.items()}, None
    if not isinstance(md, Trajectory):
        spacing_fs = of_rollout.spacing_fs or read_record(md)["spacings_fs"][0]
        results["md"] = _of_summary(md, spacing_fs, context, folder)
        shipped = read_record(md)
        frames["md"] = shipped["frames"][f"{spacing_fs:g}"]
    write_json(
        folder / layout.SUMMARY_FILE,
        {
            "provenance": provenance("observables", context.settings.model_dump(mode="json")),
            "frames": frames,
            "reference": shipped,
            "rows": verdict_rows(
                results["md"],
                results["rollout"],
                results.get("second"),
                context.settings.blocks,
                second_as_long=len(selections.get("second", of_rollout)) >= SHORTEST * len(of_rollout),
            ),
        },
    )


def _check_elements(md: Trajectory, rollout: Trajectory) -> None:
    if set(md.spec.numbers.tolist()) != set(rollout.spec.numbers.tolist()):
        raise UserError(
            f"{rollout.path} and {md.path} contain different elements; give a rollout and reference MD of one system"
        )


def _measure(kind: str, selection: Selection, context: Context, folder: Path) -> dict[str, Result]:
    results, modules = {}, observables()
    for index, (name, module) in enumerate(modules.items(), 1):
        log.info("observable %d of %d: %s of the %s, %s", index, len(modules), name, NAMES[kind], selection)
        results[name] = module.measure(selection, context)
        _save(results[name], folder / kind, name)
        if results[name].note:
            log.warning("%s of the %s: %s", name, NAMES[kind], results[name].note)
    return results


def _of_summary(record: Path, spacing_fs: float, context: Context, folder: Path) -> dict[str, Result]:
    """Results of a reference MD summary, copied next to the rollout's; UserError if it was made with other settings."""
    made_with = read_record(record)
    if made_with["physics"] != physics(context.reference):
        raise UserError(f"{record}: summarises reference MD with other settings; give the reference MD itself")
    if made_with["observables"] != context.settings.model_dump(mode="json"):
        raise UserError(f"{record}: was made with other settings of the observables; give the reference MD itself")
    results = read_results(record, spacing_fs)
    if missing := set(observables()) - set(results):
        raise UserError(f"{record}: has no {', '.join(sorted(missing))}; recreate it with trajcast summarize")
    for name, result in results.items():
        _save(result, folder / "md", name)
    return results


def _save(result: Result, folder: Path, name: str) -> None:
    result.save(folder / f"{name}.json")
    result.save_csv(folder / f"{name}.csv")
