"""Settings, seeds, software versions and machine of every stage, from the provenance of the results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trajcast.config.files import yaml_text
from trajcast.figures.report.inputs import Study
from trajcast.figures.table import Cell, Table


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Provenance of one stage of one rollout; `rollout` is "" for a stage that all rollouts share."""

    stage: str
    rollout: str
    provenance: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class SettingsBlock:
    """Settings of one stage as YAML; the title names the rollouts that used them."""

    title: str
    text: str


def origins(study: Study) -> list[Origin]:
    """All stages with provenance, in the order of the workflow."""
    found = [Origin(stage="reference", rollout="", provenance=study.provenance)]
    for stage in ("dataset", "training", "rollout", "observables"):
        for run in study.runs:
            if run.provenance.get(stage):
                found.append(Origin(stage=stage, rollout=run.title, provenance=run.provenance[stage]))
    return found


def settings(study: Study) -> list[SettingsBlock]:
    """Settings of every stage; settings that several rollouts share are given once."""
    rollouts: dict[tuple[str, str], list[str]] = {}
    for origin in origins(study):
        text = yaml_text(origin.provenance["settings"])
        rollouts.setdefault((origin.stage, text), []).append(origin.rollout)
    return [
        SettingsBlock(title=f"{stage} ({', '.join(names)})" if names[0] else stage, text=text)
        for (stage, text), names in rollouts.items()
    ]


def seeds_table(study: Study) -> Table:
    """Seed of every stage that uses random numbers."""
    rows = [
        [Cell(text=f"{origin.stage} {origin.rollout}".strip()), Cell(text=str(origin.provenance["settings"]["seed"]))]
        for origin in origins(study)
        if "seed" in origin.provenance["settings"]
    ]
    return Table(
        title="Random seeds",
        caption="One for every stage that uses random numbers.",
        columns=["Stage", "Seed"],
        groups=[("", rows)],
    )


def versions_table(study: Study) -> Table:
    """Software versions and machine of each stage, in one column if all stages agree."""
    records: dict[str, dict[str, str]] = {}
    for origin in origins(study):
        machine = origin.provenance["machine"]
        names = [name for name in ("node", "processor", "system") if name in machine]
        record = origin.provenance["versions"] | {name: machine[name] for name in names}
        records[f"{origin.stage} {origin.rollout}".strip()] = record
    names = list(dict.fromkeys(name for record in records.values() for name in record))
    if len({tuple(sorted(record.items())) for record in records.values()}) == 1:
        records = {"all stages": next(iter(records.values()))}
    rows = [
        [Cell(text=name), *(Cell(text=record.get(name) or "–", kind="text") for record in records.values())]
        for name in names
    ]
    return Table(
        title="Software versions and hardware",
        caption="As recorded by each stage.",
        columns=["Component", *records],
        groups=[("", rows)],
    )
