# The workflow, from reference MD to the report of every system in config.yaml:
# snakemake --profile profiles/local results/liquid/report.html
from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from trajcast.config.files import workflow_layers
from trajcast.core.errors import UserError
from trajcast.pipeline.code_versions import CODE
from trajcast.pipeline.plan import Plan, other_replicas

min_version("9.27")


try:
    plan = Plan(workflow_layers(workflow.config_settings))
except UserError as error:
    raise WorkflowError(str(error)) from None


include: "workflow/rules/common.smk"


wildcard_constraints:
    system="|".join(plan.systems),
    horizon=r"\d+(\.\d*[1-9])?",
    samples=r"[1-9]\d*",
    seed=r"[1-9]\d*",
    model=r"model-[A-Za-z0-9_][A-Za-z0-9_.-]*",
    run=r"[A-Za-z0-9_][A-Za-z0-9_.-]*",
    tau=r"[\de.+-]+",
    cell=r"[1-9]\d*x[1-9]\d*x[1-9]\d*",


rule all:
    input:
        expand(layout.REPORT, system=plan.systems),


for stage in "reference dataset train rollout observables studies cooling report paper".split():

    include: f"workflow/rules/{stage}.smk"
