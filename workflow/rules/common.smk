# What all stages share: how a run begins, how shells treat signals, how resources grow, what this machine runs with.

import os
from pathlib import Path

from trajcast.driver import take_over
from trajcast.errors import UserError

# Slurm sends SIGTERM to all processes of a job: shells and tee have to wait until the stage has saved its work.
shell.prefix("set -euo pipefail; trap '' TERM; ")


os.environ.update(plan.config.machine.environment())
networks = f"../../envs/trajcast{'-cuda' if plan.config.machine.cuda else ''}.yaml"  # environment of rules with `gpu`


def growing(amount):
    """A resource of which every further attempt gets as much again."""
    return lambda wildcards, attempt: amount * attempt


def with_forces(usual):
    """The environment of a rule that computes forces: that of the system's potential, where it has one of its own."""
    return lambda wildcards: f"../../envs/{plan.environment(wildcards.system) or usual}.yaml"


def memory_of_forces(amount):
    """Memory, MB, of a rule that computes forces: more for a network with the library that it needs."""
    return lambda wildcards, attempt: (amount + 4000 * bool(plan.environment(wildcards.system))) * attempt


def gpu_of_forces(wildcards):
    """1 for a potential that may compute on a GPU."""
    return int(plan.forces_on_gpu(wildcards.system))


onstart:
    try:
        take_over(Path.cwd())
    except (UserError, OSError) as error:
        raise WorkflowError(str(error)) from None
