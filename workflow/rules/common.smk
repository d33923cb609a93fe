# Common parts of all stages: start of a run, signals, environments and resources.

import os
import time
from functools import partial
from pathlib import Path

from snakemake.logging import logger

from trajcast.io import layout
from trajcast.pipeline import resources, studies
from trajcast.pipeline.attempts import NoFurtherAttempts, keep_what_groups_made
from trajcast.pipeline.driver import take_over
from trajcast.pipeline.former import PERMIT, former_results
from trajcast.pipeline.jobs import ANNOUNCE, JobAnnouncer
from trajcast.core.errors import UserError
from trajcast.pipeline.resources import growing

# Slurm sends SIGTERM to all processes of a job; shells and tee must wait until the stage has saved its work.
shell.prefix("set -euo pipefail; trap '' TERM; ")


os.environ.update(plan.config.machine.environment())
networks = f"../../envs/trajcast{'-cuda' if plan.config.machine.cuda else ''}.yaml"  # environment of networks


with_forces = partial(resources.with_forces, plan)
memory_of_forces = partial(resources.memory_of_forces, plan)
gpu_of_forces = resources.gpu_of_forces(plan)


if workflow.is_main_process and ANNOUNCE in os.environ:
    logger.addHandler(JobAnnouncer(os.environ.pop(ANNOUNCE)))  # for `trajcast plan` and `trajcast status`


began = time.time()
if workflow.is_main_process:
    keep_what_groups_made(workflow, began)


if workflow.is_main_process and PERMIT not in os.environ and (former := former_results()):
    logger.warning(former)


onstart:
    if PERMIT not in os.environ and (former := former_results()):
        raise WorkflowError(former)
    try:
        take_over(Path.cwd())
    except (UserError, OSError) as error:
        raise WorkflowError(str(error)) from None
    logger.addHandler(NoFurtherAttempts(workflow, began))
