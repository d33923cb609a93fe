# Each stage's section of the configuration, checked and written beside that stage's results: where Snakemake itself runs,
# as handing a moment's work to a scheduler takes longer than the work. `localrule` is not inherited: each rule says it.


rule reference_settings:
    output:
        "results/{system}/reference/reference.yaml",
    log:
        "logs/{system}/reference/reference_settings.log",
    localrule: True
    conda:
        "../../envs/trajcast.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        section="reference",
        json=lambda wildcards: plan.settings(wildcards.system, "reference"),
        code=CODE["settings"],
    shell:
        "trajcast settings --section {params.section} --json {params.json:q} --output {output:q} 2>&1 | tee -i {log:q}"


use rule reference_settings as dataset_settings with:
    output:
        "results/{system}/{horizon}fs/dataset.yaml",
    log:
        "logs/{system}/{horizon}fs/dataset_settings.log",
    localrule: True
    params:
        section="dataset",
        json=lambda wildcards: plan.dataset_settings(wildcards.system, wildcards.horizon),
        code=CODE["settings"],


use rule reference_settings as training_settings with:
    output:
        "results/{system}/{horizon}fs/model-n{samples}-s{seed}/training.yaml",
    log:
        "logs/{system}/{horizon}fs/model-n{samples}-s{seed}/training_settings.log",
    localrule: True
    params:
        section="training",
        json=lambda wildcards: plan.training_settings(wildcards.system, wildcards.samples, wildcards.seed),
        code=CODE["settings"],


use rule reference_settings as rollout_settings with:
    output:
        "results/{system}/runs/{run}/rollout.yaml",
    log:
        "logs/{system}/runs/{run}/rollout_settings.log",
    localrule: True
    params:
        section="rollout",
        json=lambda wildcards: plan.rollout_settings(wildcards.system, wildcards.run),
        code=CODE["settings"],


use rule reference_settings as observables_settings with:
    output:
        "results/{system}/runs/{run}/observables.yaml",
    log:
        "logs/{system}/runs/{run}/observables_settings.log",
    localrule: True
    params:
        section="observables",
        json=lambda wildcards: plan.settings(wildcards.system, "observables"),
        code=CODE["settings"],


use rule reference_settings as thermostat_settings with:
    output:
        "results/{system}/{horizon}fs/{model}/thermostat/tau{tau}-s{seed}.yaml",
    log:
        "logs/{system}/{horizon}fs/{model}/thermostat/tau{tau}-s{seed}_settings.log",
    localrule: True
    params:
        section="rollout",
        json=lambda wildcards: plan.thermostat_settings(
            wildcards.system, wildcards.horizon, wildcards.tau, wildcards.seed
        ),
        code=CODE["settings"],


use rule reference_settings as same_start_settings with:
    output:
        "results/{system}/{horizon}fs/{model}/same_start/rollout.yaml",
    log:
        "logs/{system}/{horizon}fs/{model}/same_start_settings.log",
    localrule: True
    params:
        section="rollout",
        json=lambda wildcards: plan.same_start_settings(wildcards.system),
        code=CODE["settings"],


use rule reference_settings as speed_settings with:
    output:
        "results/{system}/{horizon}fs/{model}/speed/{cell}.yaml",
    log:
        "logs/{system}/{horizon}fs/{model}/speed/{cell}_settings.log",
    localrule: True
    params:
        section="rollout",
        json=lambda wildcards: plan.speed_settings(wildcards.system, wildcards.horizon, wildcards.cell),
        code=CODE["settings"],
