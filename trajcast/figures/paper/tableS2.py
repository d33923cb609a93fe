"""Table S2: wall time of 1000 steps of a rollout without output, with the published ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trajcast.figures.drawing import Drawing, Value
from trajcast.figures.paper import KINDS, system_of_kind
from trajcast.figures.published import SUBSTANCES, published
from trajcast.pipeline import studies

if TYPE_CHECKING:
    from trajcast.pipeline.plan import Plan

COLUMNS = [
    "system",
    "supercell",
    "atoms",
    "Δt / fs",
    "s / 1000 steps",
    "ns / day",
    "device",
    "parameters",
    "precision",
    "thermostat",
]


def sources(plan: Plan) -> dict[str, list[str]]:
    """Measured speeds of each system."""
    speeds = {kind: studies.speed(plan, system) for kind in KINDS if (system := system_of_kind(plan, kind))}
    return {kind: paths for kind, paths in speeds.items() if paths}


def draw(sources: dict[str, list[str]]) -> Drawing:
    """Rows of each system: measured here, then published."""
    rows: list[list[Value]] = []
    stopped = []
    for kind in KINDS:
        for path in map(Path, sources.get(kind, [])):
            speed: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            cell = "×".join(map(str, speed["supercell"]))
            device = speed["device"]
            if device == "cpu":
                device = f"CPU, {speed['threads']} thread(s), {speed['provenance']['machine']['processor']}"
            measured = [speed[key] for key in ("atoms", "horizon_fs", "ms_per_step", "ns_per_day")]
            thermostat = speed["provenance"]["settings"]["thermostat"]
            about = [device, speed["parameters"], speed["dtype"], thermostat or "none"]
            rows.append([SUBSTANCES[kind], cell, *measured, *about])
            if speed["outcome"] != "completed":
                stopped.append(f"{SUBSTANCES[kind]} {cell} at {speed['horizon_fs']:g} fs ({speed['outcome']})")
        for row in published("table_s2"):
            if row["system"] == kind:
                cell, device = row["supercell"].replace("x", "×"), f"{row['device']} (published)"
                horizon, time = float(row["horizon_fs"]), float(row["s_per_1000_steps"])
                numbers = [horizon, time, float(row["ns_per_day"])]
                rows.append([SUBSTANCES[kind], cell, int(row["atoms"]), *numbers, device, 2_200_000, "float64", "csvr"])
    return Drawing(
        title="Speed",
        caption="Wall time of 1000 steps of an NVT rollout without output, and simulated time per day. Published: "
        "Table S2 of arXiv:2503.23794v1, networks of about 2.2 million parameters in double precision.",
        columns=COLUMNS,
        rows=rows,
        notes=[f"Stopped by the guard and timed with fixed atoms: {name}." for name in stopped],
    )
