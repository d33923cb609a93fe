"""The status as tables, for the terminal and as an HTML page."""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console, Group
from rich.table import Table

from trajcast.io.progress import duration
from trajcast.pipeline.estimate.summary import OTHER, STAGES, stage_of
from trajcast.pipeline.jobs import PlannedJob
from trajcast.pipeline.status.models import rollout_progress, validation
from trajcast.pipeline.status.states import JobState, Seen

MISSING = "–"


def status(seen: Sequence[Seen]) -> Group:
    """All tables that have rows."""
    tables = [_stages(seen), _models(seen), _running(seen), _ended(seen)]
    return Group(*(table for table in tables if table.row_count))


def page(shown: Group, title: str) -> str:
    """The tables as a self-contained HTML page."""
    console = Console(record=True, width=160, highlight=False, file=io.StringIO())
    console.print(title)
    console.print(shown)
    return console.export_html(inline_styles=True)


def _stages(seen: Sequence[Seen]) -> Table:
    counts = Counter((_system(one.job), stage_of(one.job.rule), one.state) for one in seen)
    order = [*STAGES, OTHER]
    table = _table("Jobs", "system", "stage", numbers=[state.value for state in JobState])
    for system, stage in sorted(
        {key[:2] for key in counts}, key=lambda key: (key[0] == "all", key[0], order.index(key[1]))
    ):
        table.add_row(system, stage, *(str(counts[system, stage, state] or MISSING) for state in JobState))
    table.add_section()
    table.add_row("all", "", *(str(sum(one.state is state for one in seen)) for state in JobState), style="bold")
    return table


def _models(seen: Sequence[Seen]) -> Table:
    """One row per model trained here and per rollout."""
    table = _table(
        "Models and their rollouts",
        "system",
        "model",
        numbers=["Δt / fs", "epoch", "validation: Δr / %", "v′ / %", "left, at most", "rollout / ns", "of"],
    )
    table.add_column("ending")
    for (system, horizon, model), jobs in sorted(_by_model(seen).items(), key=lambda row: _order(*row[0])):
        last = next((validation(one) for one in jobs if one.job.rule == "train"), None)
        rolled = next((rollout_progress(one) for one in jobs if one.job.rule.startswith("rollout")), None)
        if last is None and rolled is None:
            continue
        trained = (
            (str(last.epoch), f"{last.displacement_percent:.3g}", f"{last.velocity_percent:.3g}", duration(last.left_s))
            if last
            else (MISSING,) * 4
        )
        out = (f"{rolled.ns:.4g}", f"{rolled.planned_ns:.4g}", rolled.ending) if rolled else (MISSING, MISSING, "")
        table.add_row(system, model, horizon, *trained, *out)
    return table


def _running(seen: Iterable[Seen]) -> Table:
    table = _table("Running", "job", "node", "Slurm job", "since", "task", numbers=["done", "of", "left"])
    for one in seen:
        if one.state is JobState.RUNNING:
            record, left_s = one.record, one.left_s
            table.add_row(
                _name(one.job),
                record["node"],
                record["slurm_job"] or MISSING,
                f"{datetime.fromtimestamp(record['started']):%d %b %H:%M}",
                str(record.get("label", MISSING)),
                f"{record['done']:g}" if "done" in record else MISSING,
                f"{record['total']:g} {record['unit']}" if "total" in record else MISSING,
                MISSING if left_s is None else duration(left_s),
            )
    return table


def _ended(seen: Iterable[Seen]) -> Table:
    table = _table("Failed or stopped", "job", "node", "last sign of life", "reason", "log", numbers=[])
    for one in seen:
        if one.state in (JobState.FAILED, JobState.STOPPED):
            updated = one.record.get("updated")
            table.add_row(
                _name(one.job),
                one.record.get("node", MISSING),
                MISSING if updated is None else f"{datetime.fromtimestamp(updated):%d %b %H:%M:%S}",
                one.reason or "ended without a message: killed?",
                one.job.log or MISSING,
            )
    return table


def _by_model(seen: Iterable[Seen]) -> dict[tuple[str, str, str], list[Seen]]:
    by_model: dict[tuple[str, str, str], list[Seen]] = {}
    for one in seen:
        key = one.job.wildcards
        if one.job.rule == "train":
            name = key["system"], key["horizon"], f"model-n{key['samples']}-s{key['seed']}"
        elif one.job.rule.startswith("rollout") and "run" in key:
            name = key["system"], MISSING, f"rollout {key['run']}"
        else:
            continue
        by_model.setdefault(name, []).append(one)
    return by_model


def _order(system: str, horizon: str, name: str) -> tuple[str, float, str]:
    """Sort key: models by horizon, then rollouts."""
    return system, math.inf if horizon == MISSING else float(horizon), name


def _table(title: str, *texts: str, numbers: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    for name in texts:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def _system(job: PlannedJob) -> str:
    return job.wildcards.get("system", "all")


def _name(job: PlannedJob) -> str:
    """Rule and wildcards, as arguments of `trajcast log`."""
    return " ".join([job.rule, *(f"{key}={value}" for key, value in job.wildcards.items())])
