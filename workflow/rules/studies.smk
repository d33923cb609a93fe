# What is asked of the rolled-out model beyond its report: thermostat, rollouts from reference states, speed.


rule thermostat:
    input:
        settings="results/{system}/{horizon}fs/{model}/thermostat/tau{tau}-s{seed}.yaml",
        model="results/{system}/{horizon}fs/{model}/model.safetensors",
        card="results/{system}/{horizon}fs/{model}/model.json",
        start=lambda wildcards: plan.nve(wildcards.system)[-1],
    output:
        temperatures="results/{system}/{horizon}fs/{model}/thermostat/tau{tau}-s{seed}.json",
        outcome="results/{system}/{horizon}fs/{model}/thermostat/tau{tau}-s{seed}-outcome.json",
    log:
        "logs/{system}/{horizon}fs/{model}/thermostat/tau{tau}-s{seed}.log",
    benchmark:
        "logs/{system}/{horizon}fs/{model}/thermostat/tau{tau}-s{seed}.tsv"
    conda:
        networks
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
        gpu=1,
    params:
        code=CODE["thermostat"],
    shell:
        "trajcast thermostat --settings {input.settings:q} --model {input.model:q} --start {input.start:q}"
        " --output {output.temperatures:q} --outcome {output.outcome:q} --threads {threads} --device auto"
        " 2>&1 | tee -i {log:q}"


rule same_start:
    input:
        settings="results/{system}/{horizon}fs/{model}/same_start/rollout.yaml",
        model="results/{system}/{horizon}fs/{model}/model.safetensors",
        card="results/{system}/{horizon}fs/{model}/model.json",
        md=lambda wildcards: plan.nve(wildcards.system)[-1],
    output:
        md="results/{system}/{horizon}fs/{model}/same_start/md.h5md",
        rollout="results/{system}/{horizon}fs/{model}/same_start/rollout.h5md",
        outcome="results/{system}/{horizon}fs/{model}/same_start/outcome.json",
    log:
        "logs/{system}/{horizon}fs/{model}/same_start.log",
    benchmark:
        "logs/{system}/{horizon}fs/{model}/same_start.tsv"
    conda:
        networks
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
        gpu=1,
    params:
        code=CODE["same_start"],
    shell:
        "trajcast same_start --settings {input.settings:q} --model {input.model:q} --md {input.md:q}"
        " --md-output {output.md:q} --output {output.rollout:q} --outcome {output.outcome:q}"
        " --threads {threads} --device auto 2>&1 | tee -i {log:q}"


rule speed:
    input:
        settings="results/{system}/{horizon}fs/{model}/speed/{cell}.yaml",
        model="results/{system}/{horizon}fs/{model}/model.safetensors",
        card="results/{system}/{horizon}fs/{model}/model.json",
        start=lambda wildcards: plan.nve(wildcards.system)[-1],
    output:
        "results/{system}/{horizon}fs/{model}/speed/{cell}.json",
    log:
        "logs/{system}/{horizon}fs/{model}/speed/{cell}.log",
    benchmark:
        "logs/{system}/{horizon}fs/{model}/speed/{cell}.tsv"
    conda:
        networks
    threads: 1
    resources:
        mem_mb=growing(6000),
        runtime=growing(240),
        gpu=1,
    params:
        code=CODE["speed"],
    shell:
        "trajcast speed --settings {input.settings:q} --model {input.model:q} --start {input.start:q}"
        " --output {output:q} --threads {threads} --device auto 2>&1 | tee -i {log:q}"
