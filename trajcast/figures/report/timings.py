"""Run time and memory of the workflow's jobs, from Snakemake's benchmark files."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class JobTiming:
    """Measurements of one job; None if the job was too short for Snakemake to take them."""

    name: str
    wall_s: float
    memory_GiB: float | None  # peak of the resident set
    processor_s: float | None


def read_timings(folder: Path) -> list[JobTiming]:
    """Read all benchmark files (TSV) below `folder`; jobs are named by their paths."""
    jobs = []
    for path in sorted(folder.rglob("*.tsv")):
        with open(path, encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle, delimiter="\t"):
                wall, memory = _number(row.get("s")), _number(row.get("max_rss"))
                if wall is not None:
                    jobs.append(
                        JobTiming(
                            name=path.relative_to(folder).with_suffix("").as_posix(),
                            wall_s=wall,
                            memory_GiB=None if memory is None else memory / 1024,
                            processor_s=_number(row.get("cpu_time")),
                        )
                    )
    return jobs


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None  # Snakemake writes "-" or "NA"
