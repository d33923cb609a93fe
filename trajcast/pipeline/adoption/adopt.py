"""The whole adoption: nothing is touched before Snakemake has found a way to the targets."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trajcast.config.files import Layers, read_mapping
from trajcast.core.errors import UserError
from trajcast.io import layout
from trajcast.io.layout import at
from trajcast.pipeline import studies
from trajcast.pipeline.adoption.files import found, rename_files, upgrade_files
from trajcast.pipeline.adoption.outdated import is_made, outdated, set_aside
from trajcast.pipeline.cooling import cooled_md, cooled_rollouts
from trajcast.pipeline.driver import driver_lock
from trajcast.pipeline.former import ADOPTING, PERMIT, SETTINGS_LOGS
from trajcast.pipeline.jobs import PlannedJob, cause, planned_jobs
from trajcast.pipeline.plan import Plan

RESULTS = (  # what a user would miss
    layout.MODEL_RECORD,
    layout.TEST,
    layout.THERMOSTAT,
    layout.SAME_START_ROLLOUT,
    layout.SPEED,
    layout.ROLLOUT,
    layout.COOLED_ROLLOUT,
    layout.WINDOWS,
)


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """Outcome of an adoption."""

    renamed: int
    upgraded: int
    kept: int  # jobs whose results are kept
    resumable: int  # unfinished trainings that resume from their checkpoints
    outdated: list[str]  # results that were set aside, each with the reason
    uncovered: list[str]  # results that belong to none of the targets
    unfinished: list[str]  # rollouts that begin again


def adopt(targets: Sequence[str], configfiles: Sequence[str]) -> Adopted:
    """Adopt the results in the working directory, so that the workflow does not produce them again.

    Files are renamed and upgraded in place; their numbers and times do not change. Outdated results, whose settings
    differ from the configuration or whose inputs are newer, are renamed to NAME.former.EXT, and so is what was made
    from them; the next run produces them again. Interrupted, the same call goes on; a further call has nothing to do.

    Args:
        targets: As for Snakemake; by default the report and all studies of every system, and the published figures if
            they were made.
        configfiles: Laid over config.yaml, as in Snakemake.

    Raises:
        UserError: There are no results, a workflow is running here, or Snakemake cannot produce the targets.
    """
    if not Path("results").is_dir():
        raise UserError("results: no such folder; run this in the folder of the workflow")
    jobs = planned_jobs(list(targets) or _all_results(configfiles), configfiles, finished=True)
    with driver_lock(Path.cwd()):
        ADOPTING.parent.mkdir(exist_ok=True)
        ADOPTING.touch()
        unfinished = [str(path) for path in sorted(Path().glob("results/*/runs/*/.forecast*.h5md.*")) if path.is_dir()]
        renamed, upgraded = rename_files(), upgrade_files()
        resumable = _adopt_checkpoints()
        old = outdated(jobs)
        for job, _ in reversed(old):  # what was made from others first: a kill must not leave it without them
            set_aside(job)
    kept = [job for job in jobs if is_made(job)]
    if kept:
        _record(kept, configfiles)
    for path in [path for pattern in SETTINGS_LOGS for path in Path().glob(pattern)]:
        path.unlink()
    ADOPTING.unlink()
    covered = {output for job in jobs for output in job.outputs}
    return Adopted(
        renamed=renamed,
        upgraded=upgraded,
        kept=len(kept),
        resumable=resumable,
        outdated=[f"{job.outputs[0]}: {reason}" for job, reason in old],
        uncovered=[str(path) for pattern in RESULTS for path in found(pattern) if str(path) not in covered],
        unfinished=unfinished,
    )


def _all_results(configfiles: Sequence[str]) -> list[str]:
    """Everything that the configuration asks for."""
    plan = Plan(Layers([(name, read_mapping(name)) for name in ("config.yaml", *configfiles)]))
    targets = []
    for system in plan.systems:
        targets += [at(layout.REPORT, system=system), *studies.speed(plan, system)]
        for horizon, samples, seed in studies.learning(plan, system):
            targets.append(f"{plan.model_folder(system, horizon, samples, seed)}/{layout.TEST_FILE}")
        targets += [studies.thermostat_run(plan, system, *run) for run in studies.thermostat_runs(plan, system)]
        for horizon in studies.same_start(plan, system):
            targets += studies.same_start_files(plan, system, horizon)
        if plan.system(system).studies.cooling is not None:
            targets += [at(layout.WINDOWS, system=system), *cooled_md(plan, system), *cooled_rollouts(plan, system)]
    if Path(layout.PAPER_REPORT).exists():
        targets.append(layout.PAPER_REPORT)
    return targets


def _adopt_checkpoints() -> int:
    """Keep the checkpoints of unfinished trainings; returns how many."""
    pattern = f"{layout.TRAINED_FOLDER}/{layout.TRAINING_SETTINGS_FILE}"
    folders = [path.parent for path in found(pattern) if not path.with_name(layout.RECORD_FILE).exists()]
    folders = [folder for folder in folders if any(folder.parent.glob(f".{folder.name}.*.checkpoint"))]
    if not folders:
        return 0
    from trajcast.training.former import adopt_checkpoint  # needs PyTorch, which a login node may lack

    count = 0
    for folder in folders:
        try:
            count += adopt_checkpoint(folder)
        except UserError:  # without its data set it cannot resume
            continue
    return count


def _record(jobs: Sequence[PlannedJob], configfiles: Sequence[str]) -> None:
    """Let Snakemake record these jobs as done with the present code, parameters and environments; times stay."""
    outputs = [output for job in jobs for output in job.outputs]
    times = {path: path.stat().st_mtime_ns for path in map(Path, outputs)}
    for job in jobs:  # settings were written first; as outputs of the job they must not seem older than its input
        others = [times[path] for path in map(Path, job.outputs) if path.suffix != ".yaml"]
        times |= {path: min(others) for path in map(Path, job.outputs) if path.suffix == ".yaml" and others}
    overlays = ["--configfile", *configfiles] if configfiles else []
    command = [sys.executable, "-m", "snakemake", "--touch", "--nolock", "--rerun-incomplete", "--cores", "1"]
    run = subprocess.run(
        [*command, "--keep-going", *overlays, "--", *outputs],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {PERMIT: "1"},
    )
    for path, time_ns in times.items():
        for touched in (path, path / ".snakemake_timestamp"):
            if touched.exists():
                os.utime(touched, ns=(time_ns, time_ns))
    if run.returncode:
        raise UserError(f"Snakemake could not record the results as done: {cause(run.stdout)}")
