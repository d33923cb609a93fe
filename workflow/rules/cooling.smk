# Cooling outside of the training data: reference MD and rollouts along the same ramp, from the same frames of the NVT run.

from trajcast.config.validation import section_json
from trajcast.pipeline.cooling import cooled_md, cooled_rollouts, cooling_study, ramp, rollout_settings, start_frame


use rule reference_settings as cooling_settings with:
    output:
        "results/{system}/cooling/cooling.yaml",
    log:
        "logs/{system}/cooling/settings.log",
    localrule: True
    params:
        section="cooling",
        json=lambda wildcards: section_json(cooling_study(plan, wildcards.system)),
        code=CODE["settings"],


use rule reference_settings as ramp_settings with:
    output:
        "results/{system}/cooling/ramp.yaml",
    log:
        "logs/{system}/cooling/ramp_settings.log",
    localrule: True
    params:
        section="ramp",
        json=lambda wildcards: section_json(ramp(plan, wildcards.system)),
        code=CODE["settings"],


use rule reference_settings as cooling_observables_settings with:
    output:
        "results/{system}/cooling/observables.yaml",
    log:
        "logs/{system}/cooling/observables_settings.log",
    localrule: True
    params:
        section="observables",
        json=lambda wildcards: plan.settings(wildcards.system, "observables"),
        code=CODE["settings"],


use rule reference_settings as cooling_rollout_settings with:
    output:
        "results/{system}/{horizon}fs/{model}/cooling/rollout-s{seed}.yaml",
    log:
        "logs/{system}/{horizon}fs/{model}/cooling/rollout-s{seed}_settings.log",
    localrule: True
    params:
        section="rollout",
        json=lambda wildcards: section_json(
            rollout_settings(plan, wildcards.system, wildcards.horizon, wildcards.seed)
        ),
        code=CODE["settings"],


rule cooling_md:
    input:
        settings="results/{system}/cooling/ramp.yaml",
        reference_settings="results/{system}/reference/reference.yaml",
        start="results/{system}/reference/nvt.h5md",
        files=lambda wildcards: plan.reference_files(wildcards.system),
    output:
        "results/{system}/cooling/md-s{seed}.h5md",
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
        frame=lambda wildcards: start_frame(plan, wildcards.system, wildcards.seed),
        code=CODE["cooling_md"],
    shell:
        "trajcast cooling_md --settings {input.settings:q} --reference-settings {input.reference_settings:q}"
        " --start {input.start:q} --frame {params.frame} --seed {wildcards.seed} --output {output:q} 2>&1 | tee -i {log:q}"


rule cooling_rollout:
    input:
        settings="results/{system}/{horizon}fs/{model}/cooling/rollout-s{seed}.yaml",
        model="results/{system}/{horizon}fs/{model}/model.safetensors",
        card="results/{system}/{horizon}fs/{model}/model.json",
        start="results/{system}/reference/nvt.h5md",
    output:
        trajectory="results/{system}/{horizon}fs/{model}/cooling/rollout-s{seed}.h5md",
        outcome="results/{system}/{horizon}fs/{model}/cooling/outcome-s{seed}.json",
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
        frame=lambda wildcards: start_frame(plan, wildcards.system, wildcards.seed),
        code=CODE["rollout"],
    shell:
        "trajcast rollout --settings {input.settings:q} --model {input.model:q} --start {input.start:q}"
        " --frame {params.frame} --output {output.trajectory:q} --outcome {output.outcome:q} --threads {threads}"
        " --device auto 2>&1 | tee -i {log:q}"


rule cooling:
    input:
        settings="results/{system}/cooling/cooling.yaml",
        observables="results/{system}/cooling/observables.yaml",
        reference_settings="results/{system}/reference/reference.yaml",
        md=lambda wildcards: cooled_md(plan, wildcards.system),
        rollout=lambda wildcards: cooled_rollouts(plan, wildcards.system),
    output:
        windows=multiext("results/{system}/cooling/windows", ".csv", ".json"),
        figure=multiext("results/{system}/cooling/cooling", ".pdf", ".png", ".csv", ".json"),
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
        folder=lambda wildcards: f"results/{wildcards.system}/cooling",
        code=CODE["cooling"],
    shell:
        "trajcast cooling --settings {input.settings:q} --observables {input.observables:q} --reference-settings"
        " {input.reference_settings:q} --md {input.md:q} --rollout {input.rollout:q} --output {params.folder:q}"
        " 2>&1 | tee -i {log:q}"
