# Cooling beyond the training data: reference MD and rollouts along the same ramp, from the same frames of the NVT run.

from trajcast.config.validation import section_json
from trajcast.pipeline.cooling import cooled_md, cooled_rollouts, cooling_study, ramp, rollout_settings, start_frame


rule cooling_md:
    input:
        reference_settings=layout.REFERENCE_SETTINGS,
        start=layout.NVT,
        files=lambda wildcards: plan.reference_files(wildcards.system),
    output:
        settings=layout.RAMP_SETTINGS,
        trajectory=layout.COOLED_MD,
    log:
        "logs/{system}/cooling/md-s{seed}.log",
    benchmark:
        "logs/{system}/cooling/md-s{seed}.tsv"
    conda:
        with_forces("lammps")
    threads: 1
    resources:
        mem_mb=memory_of_forces(1000),
        runtime=growing(240),
        gpu=gpu_of_forces,
    params:
        settings=lambda wildcards: section_json(ramp(plan, wildcards.system)),
        frame=lambda wildcards: start_frame(plan, wildcards.system, wildcards.seed),
        code=CODE["cooling_md"],
    shell:
        "trajcast cooling_md --settings {params.settings:q} --write-settings {output.settings:q} --reference-settings"
        " {input.reference_settings:q} --start {input.start:q} --frame {params.frame} --seed {wildcards.seed}"
        " --output {output.trajectory:q} 2>&1 | tee -i {log:q}"


rule cooling_rollout:
    input:
        model=layout.MODEL,
        card=layout.MODEL_RECORD,
        start=layout.NVT,
    output:
        settings=layout.COOLED_SETTINGS,
        trajectory=layout.COOLED_ROLLOUT,
        outcome=layout.COOLED_OUTCOME,
    log:
        "logs/{system}/{horizon}fs/{model}/cooling/rollout-s{seed}.log",
    benchmark:
        "logs/{system}/{horizon}fs/{model}/cooling/rollout-s{seed}.tsv"
    conda:
        networks
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
        gpu=1,
    params:
        settings=lambda wildcards: section_json(
            rollout_settings(plan, wildcards.system, wildcards.horizon, wildcards.seed)
        ),
        frame=lambda wildcards: start_frame(plan, wildcards.system, wildcards.seed),
        code=CODE["rollout"],
    shell:
        "trajcast rollout --settings {params.settings:q} --write-settings {output.settings:q} --model {input.model:q}"
        " --start {input.start:q} --frame {params.frame} --output {output.trajectory:q} --outcome {output.outcome:q}"
        " --threads {threads} --device auto 2>&1 | tee -i {log:q}"


rule cooling:
    input:
        reference_settings=layout.REFERENCE_SETTINGS,
        md=lambda wildcards: cooled_md(plan, wildcards.system),
        rollout=lambda wildcards: cooled_rollouts(plan, wildcards.system),
    output:
        settings=layout.COOLING_SETTINGS,
        observables=layout.COOLING_OBSERVABLES,
        windows=multiext(f"{layout.COOLING}/windows", ".csv", ".json"),
        figure=multiext(f"{layout.COOLING}/cooling", ".pdf", ".png", ".csv", ".json"),
    log:
        "logs/{system}/cooling/cooling.log",
    benchmark:
        "logs/{system}/cooling/cooling.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        folder=subpath(output.settings, parent=True),
        settings=lambda wildcards: section_json(cooling_study(plan, wildcards.system)),
        observables=lambda wildcards: plan.settings(wildcards.system, "observables"),
        code=CODE["cooling"],
    shell:
        "trajcast cooling --settings {params.settings:q} --write-settings {output.settings:q} --observables"
        " {params.observables:q} --write-observables {output.observables:q} --reference-settings"
        " {input.reference_settings:q} --md {input.md:q} --rollout {input.rollout:q} --output {params.folder:q} 2>&1"
        " | tee -i {log:q}"
