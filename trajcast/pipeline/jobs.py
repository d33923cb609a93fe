"""The workflow's jobs, from a dry run of Snakemake."""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from trajcast.core.errors import UserError

ANNOUNCE = "TRAJCAST_JOBS"  # environment variable with the file to which a dry run writes its jobs


@dataclass(frozen=True, kw_only=True)
class PlannedJob:
    """One job: its rule, wildcards and files."""

    rule: str
    wildcards: dict[str, str]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    log: str | None = None
    command: str | None = None

    @property
    def options(self) -> dict[str, str]:
        """The options of its command, each with the word that follows it."""
        words = shlex.split(self.command or "")
        return {word[2:]: value for word, value in pairwise(words) if word.startswith("--")}


class JobAnnouncer(logging.Handler):
    """Writes each job that Snakemake logs as a line of JSON, except those without outputs."""

    def __init__(self, path: str | Path):
        super().__init__()
        self.path = Path(path)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the job of a `job_info` record; ignore all other records."""
        if str(getattr(getattr(record, "event", None), "value", "")) != "job_info":
            return
        outputs, logs = getattr(record, "output", None) or (), getattr(record, "log", None) or ()
        if not outputs:
            return
        job = PlannedJob(
            rule=str(getattr(record, "rule_name", "")),
            wildcards={key: str(value) for key, value in (getattr(record, "wildcards", None) or {}).items()},
            inputs=tuple(map(str, getattr(record, "input", None) or ())),
            outputs=tuple(map(str, outputs)),
            log=next(map(str, logs), None),
            command=getattr(record, "shellcmd", None),
        )
        with self.path.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(asdict(job)) + "\n")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that select jobs: targets and configuration files."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="results (default: the report of every system)")
    parser.add_argument(
        "--configfile", nargs="+", default=[], metavar="YAML", help="merged over config.yaml, as in Snakemake"
    )


def need_snakemake() -> None:
    """Check that Snakemake is installed.

    Raises:
        UserError: Snakemake is not installed.
    """
    if not find_spec("snakemake"):
        raise UserError('Snakemake is needed; install it with: pip install "trajcast[workflow]"')


def planned_jobs(targets: Sequence[str], configfiles: Sequence[str], *, finished: bool = False) -> list[PlannedJob]:
    """The unfinished jobs for the targets in the working directory; with `finished`, all jobs.

    Raises:
        UserError: Snakemake is missing, or cannot produce the targets.
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
            raise UserError(f"Snakemake cannot produce these results: {cause(run.stdout)}")
        return read_jobs(path.read_text(encoding="utf-8")) if path.exists() else []


def read_jobs(text: str) -> list[PlannedJob]:
    """Parse the jobs written by a `JobAnnouncer`."""
    jobs = [json.loads(line) for line in text.splitlines()]
    return [PlannedJob(**job | {name: tuple(job[name]) for name in ("inputs", "outputs")}) for job in jobs]


def cause(text: str) -> str:
    """Why Snakemake failed: its output from the exception onwards, without its preamble."""
    output = text.rpartition("Building DAG of jobs...")[2].strip()
    exception = re.search(r"^\w*(?:Exception|Error)\b.*", output, re.MULTILINE | re.DOTALL)
    return (exception[0] if exception else output).strip()
