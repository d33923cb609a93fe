"""The jobs that Snakemake would run, as its dry run lists them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from trajcast.errors import UserError

BLOCK = re.compile(r"^rule (?P<rule>\w+):\n(?P<body>(?: {4}.*\n)*)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job: its rule and its wildcards."""

    rule: str
    wildcards: dict[str, str]


def planned_jobs(targets: Sequence[str], configfiles: Sequence[str]) -> list[Job]:
    """What is still to be done for the targets in this folder; UserError where Snakemake says that it can't be."""
    overlays = ["--configfile", *configfiles] if configfiles else []
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--nocolor", "--nolock", *overlays, "--", *targets]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if run.returncode:
        raise UserError(f"Snakemake finds no way to these results: {run.stdout.strip()[-1500:]}")
    return read_jobs(run.stdout)


def read_jobs(text: str) -> list[Job]:
    """The jobs in the output of a dry run, without those that only gather results."""
    jobs = []
    for block in BLOCK.finditer(text):
        fields = dict(re.findall(r"^ {4}(\w+): (.*)$", block["body"], re.MULTILINE))
        pairs = re.findall(r"(\w+)=([^,]*)", fields.get("wildcards", ""))
        if "output" in fields:
            jobs.append(Job(rule=block["rule"], wildcards=dict(pairs)))
    return jobs
