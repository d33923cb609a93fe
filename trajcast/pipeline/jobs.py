"""The workflow's jobs, as Snakemake's dry run lists them."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from trajcast.core.errors import UserError

BLOCK = re.compile(r"^(?:local)?rule (?P<rule>\w+):\n(?P<body>(?: {4}.*\n)*)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job: its rule, wildcards and files."""

    rule: str
    wildcards: dict[str, str]
    outputs: tuple[str, ...] = ()
    log: str | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that say which jobs are meant."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="results (default: the report of every system)")
    parser.add_argument(
        "--configfile", nargs="+", default=[], metavar="YAML", help="laid over config.yaml, as in Snakemake"
    )


def need_snakemake() -> None:
    """UserError where Snakemake is not installed."""
    if not find_spec("snakemake"):
        raise UserError('Snakemake is needed; install it with: pip install "trajcast[workflow]"')


def planned_jobs(targets: Sequence[str], configfiles: Sequence[str], *, finished: bool = False) -> list[Job]:
    """What is still to be done for the targets in this folder, with `finished` also what is done.

    UserError where Snakemake is missing or says that it can't be done.
    """
    need_snakemake()
    overlays = ["--configfile", *configfiles] if configfiles else []
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--nocolor", "--nolock", "--rerun-incomplete"]
    command += ["--forceall"] if finished else []
    run = subprocess.run(
        [*command, *overlays, "--", *targets], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if run.returncode:
        raise UserError(f"Snakemake finds no way to these results: {cause(run.stdout)}")
    return read_jobs(run.stdout)


def cause(text: str) -> str:
    """Why Snakemake failed: its output from the exception on, without the list of what it runs on."""
    said = text.rpartition("Building DAG of jobs...")[2].strip()
    named = re.search(r"^\w*(?:Exception|Error)\b.*", said, re.MULTILINE | re.DOTALL)
    return (named[0] if named else said).strip()


def read_jobs(text: str) -> list[Job]:
    """The jobs in the output of a dry run, without those that only gather results."""
    jobs = []
    for block in BLOCK.finditer(text):
        fields = dict(re.findall(r"^ {4}(\w+): (.*)$", block["body"], re.MULTILINE))
        if "output" in fields:
            jobs.append(
                Job(
                    rule=block["rule"],
                    wildcards=dict(re.findall(r"(\w+)=([^,]*)", fields.get("wildcards", ""))),
                    outputs=tuple(fields["output"].split(", ")),
                    log=fields.get("log"),
                )
            )
    return jobs
