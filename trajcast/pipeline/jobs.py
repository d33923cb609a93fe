"""The workflow's jobs, as Snakemake's dry run announces them."""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from trajcast.core.errors import UserError

ANNOUNCE = "TRAJCAST_JOBS"  # environment variable: the file to which a dry run writes its jobs


@dataclass(frozen=True, kw_only=True)
class PlannedJob:
    """One job: its rule, wildcards and files."""

    rule: str
    wildcards: dict[str, str]
    outputs: tuple[str, ...] = ()
    log: str | None = None
    command: str | None = None


class JobAnnouncer(logging.Handler):
    """Writes each job that Snakemake logs as a line of JSON; without those that only gather results."""

    def __init__(self, path: str | Path):
        super().__init__()
        self.path = Path(path)

    def emit(self, record: logging.LogRecord) -> None:
        if str(getattr(getattr(record, "event", None), "value", "")) != "job_info":
            return
        outputs, logs = getattr(record, "output", None) or (), getattr(record, "log", None) or ()
        if not outputs:
            return
        job = PlannedJob(
            rule=str(getattr(record, "rule_name", "")),
            wildcards={key: str(value) for key, value in (getattr(record, "wildcards", None) or {}).items()},
            outputs=tuple(map(str, outputs)),
            log=next(map(str, logs), None),
            command=getattr(record, "shellcmd", None),
        )
        with self.path.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(asdict(job)) + "\n")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that say which jobs are meant."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="results (default: the report of every system)")
    parser.add_argument(
        "--configfile", nargs="+", default=[], metavar="YAML", help="laid over config.yaml, as in Snakemake"
    )


def need_snakemake() -> None:
    """UserError if Snakemake is not installed."""
    if not find_spec("snakemake"):
        raise UserError('Snakemake is needed; install it with: pip install "trajcast[workflow]"')


def planned_jobs(targets: Sequence[str], configfiles: Sequence[str], *, finished: bool = False) -> list[PlannedJob]:
    """The jobs still to be done for the targets in this folder; with `finished` also those already done.

    Raises:
        UserError: Snakemake is missing, or finds no way to the targets.
    """
    need_snakemake()
    overlays = ["--configfile", *configfiles] if configfiles else []
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--nocolor", "--nolock", "--rerun-incomplete"]
    command += ["--forceall"] if finished else []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "jobs"
        run = subprocess.run(
            [*command, *overlays, "--", *targets],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {ANNOUNCE: str(path)},
        )
        if run.returncode:
            raise UserError(f"Snakemake finds no way to these results: {cause(run.stdout)}")
        return read_jobs(path.read_text(encoding="utf-8")) if path.exists() else []


def read_jobs(text: str) -> list[PlannedJob]:
    """The jobs that a `JobAnnouncer` wrote."""
    jobs = [json.loads(line) for line in text.splitlines()]
    return [PlannedJob(**job | {"outputs": tuple(job["outputs"])}) for job in jobs]


def cause(text: str) -> str:
    """Why Snakemake failed: its output from the exception on, without the list of what it runs on."""
    said = text.rpartition("Building DAG of jobs...")[2].strip()
    named = re.search(r"^\w*(?:Exception|Error)\b.*", said, re.MULTILINE | re.DOTALL)
    return (named[0] if named else said).strip()
