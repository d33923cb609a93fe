"""Settings, seeds, versions and machines of every stage, from the provenance that the results carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trajcast.config.files import yaml_text
from trajcast.figures.report.inputs import Study
from trajcast.figures.table import Cell, Table


@dataclass(frozen=True, kw_only=True)
class Origin:
    """One stage of one rollout ("" where all share it) and the record of how it was run."""

    stage: str
    where: str
    provenance: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of one stage as YAML, and the rollouts that used exactly them."""

    title: str
    text: str


def origins(study: Study) -> list[Origin]:
    """All stages of all rollouts that carry provenance, in the order of the workflow."""
    found = [Origin(stage="reference", where="", provenance=study.provenance)]
    for stage in ("dataset", "training", "rollout", "observables"):
        for run in study.runs:
            if run.provenance.get(stage):
                where = run.title
                found.append(Origin(stage=stage, where=where, provenance=run.provenance[stage]))
    return found


def settings(study: Study) -> list[Settings]:
    """Settings of every stage, those that are the same for several rollouts once."""
    horizons: dict[tuple[str, str], list[str]] = {}
    for origin in origins(study):
        text = yaml_text(origin.provenance["settings"])
        horizons.setdefault((origin.stage, text), []).append(origin.where)
    return [
        Settings(title=f"{stage} ({', '.join(where)})" if where[0] else stage, text=text)
        for (stage, text), where in horizons.items()
    ]


def seeds_table(study: Study) -> Table:
    """Seed of every stage that draws random numbers."""
    rows = [
        [Cell(text=f"{origin.stage} {origin.where}".strip()), Cell(text=str(origin.provenance["settings"]["seed"]))]
        for origin in origins(study)
        if "seed" in origin.provenance["settings"]
    ]
    return Table(
        title="Seeds",
        caption="Of every stage that draws random numbers.",
        columns=["Stage", "Seed"],
        groups=[("", rows)],
    )


def versions_table(study: Study) -> Table:
    """Versions of the software in use at each stage, and the machine; one column where all stages agree."""
    records: dict[str, dict[str, str]] = {}
    for origin in origins(study):
        machine = origin.provenance["machine"]
        names = [name for name in ("node", "processor", "system") if name in machine]
        record = origin.provenance["versions"] | {name: machine[name] for name in names}
        records[f"{origin.stage} {origin.where}".strip()] = record
    names = list(dict.fromkeys(name for record in records.values() for name in record))
    if len({tuple(sorted(record.items())) for record in records.values()}) == 1:
        records = {"all stages": next(iter(records.values()))}
    rows = [
        [Cell(text=name), *(Cell(text=record.get(name) or "–", kind="text") for record in records.values())]
        for name in names
    ]
    return Table(
        title="Versions and machine",
        caption="As recorded by the stages themselves.",
        columns=["Software", *records],
        groups=[("", rows)],
    )
