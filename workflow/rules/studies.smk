# Studies beyond the report: thermostat, rollouts from states of reference MD, speed.


rule thermostat:
    input:
        model=layout.MODEL,
        card=layout.MODEL_RECORD,
        start=lambda wildcards: plan.nve(wildcards.system)[-1],
    output:
        settings=layout.THERMOSTAT_SETTINGS,
        temperatures=layout.THERMOSTAT,
        outcome=layout.THERMOSTAT_OUTCOME,
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
        settings=lambda wildcards: studies.thermostat_settings(
            plan, wildcards.system, wildcards.horizon, wildcards.tau, wildcards.seed
        ),
        code=CODE["thermostat"],
    shell:
        "trajcast thermostat --settings {params.settings:q} --write-settings {output.settings:q} --model"
        " {input.model:q} --start {input.start:q} --output {output.temperatures:q} --outcome {output.outcome:q}"
        " --threads {threads} --device auto 2>&1 | tee -i {log:q}"


rule same_start:
    input:
        model=layout.MODEL,
        card=layout.MODEL_RECORD,
        md=lambda wildcards: plan.nve(wildcards.system)[-1],
    output:
        settings=layout.SAME_START_SETTINGS,
        md=layout.SAME_START_MD,
        rollout=layout.SAME_START_ROLLOUT,
        outcome=layout.SAME_START_OUTCOME,
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
        settings=lambda wildcards: studies.same_start_settings(plan, wildcards.system),
        code=CODE["same_start"],
    shell:
        "trajcast same_start --settings {params.settings:q} --write-settings {output.settings:q} --model"
        " {input.model:q} --md {input.md:q} --md-output {output.md:q} --output {output.rollout:q} --outcome"
        " {output.outcome:q} --threads {threads} --device auto 2>&1 | tee -i {log:q}"


rule speed:
    input:
        model=layout.MODEL,
        card=layout.MODEL_RECORD,
        start=lambda wildcards: plan.nve(wildcards.system)[-1],
    output:
        settings=layout.SPEED_SETTINGS,
        speed=layout.SPEED,
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
        settings=lambda wildcards: studies.speed_settings(plan, wildcards.system, wildcards.horizon, wildcards.cell),
        code=CODE["speed"],
    shell:
        "trajcast speed --settings {params.settings:q} --write-settings {output.settings:q} --model {input.model:q}"
        " --start {input.start:q} --output {output.speed:q} --threads {threads} --device auto 2>&1 | tee -i {log:q}"
