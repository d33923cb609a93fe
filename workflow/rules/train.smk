# Training at one horizon, or a finished model instead, and the errors of the model on the test split.


rule train:
    input:
        unpack(lambda wildcards: plan.training_files(wildcards.system)),
        dataset=layout.DATASET,
    output:
        settings=f"{layout.TRAINED_FOLDER}/{layout.TRAINING_SETTINGS_FILE}",
        model=f"{layout.TRAINED_FOLDER}/{layout.WEIGHTS_FILE}",
        card=f"{layout.TRAINED_FOLDER}/{layout.RECORD_FILE}",
        metrics=f"{layout.TRAINED_FOLDER}/{layout.METRICS_FILE}",
    log:
        "logs/{system}/{horizon}fs/model-n{samples}-s{seed}/train.log",
    benchmark:
        "logs/{system}/{horizon}fs/model-n{samples}-s{seed}/train.tsv"
    conda:
        networks
    threads: lambda wildcards: 1 + plan.streams(wildcards.system)
    resources:
        mem_mb=growing(3000),
        runtime=growing(240),
        gpu=1,
    params:
        settings=lambda wildcards: plan.training_settings(wildcards.system, wildcards.samples, wildcards.seed),
        folder=subpath(output.model, parent=True),
        threads=lambda wildcards, threads: max(1, threads - plan.streams(wildcards.system)),
        stream=lambda wildcards, input: (
            ["--reference-settings", input.reference, "--starts", input.starts] if "starts" in input.keys() else []
        ),
        code=CODE["train"],
    shell:
        "trajcast train --settings {params.settings:q} --write-settings {output.settings:q} --dataset"
        " {input.dataset:q} {params.stream:q} --output {params.folder:q} --threads {params.threads} --device auto"
        " 2>&1 | tee -i {log:q}"


rule pretrained:
    input:
        unpack(lambda wildcards: plan.finished_model(wildcards.system, wildcards.horizon, wildcards.model)),
    output:
        model=layout.MODEL,
        card=layout.MODEL_RECORD,
    log:
        "logs/{system}/{horizon}fs/{model}/pretrained.log",
    wildcard_constraints:
        model=r"(?!model-n[1-9]\d*-s[1-9]\d*/)model-[A-Za-z0-9_][A-Za-z0-9_.-]*",
    conda:
        "../../envs/trajcast.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        folder=subpath(output.model, parent=True),
        code=CODE["pretrained"],
    shell:
        "trajcast pretrained --model {input.model:q} --horizon-fs {wildcards.horizon} --output {params.folder:q} 2>&1"
        " | tee -i {log:q}"


rule evaluate:
    input:
        model=layout.MODEL,
        card=layout.MODEL_RECORD,
        dataset=layout.DATASET,
        trajectory=lambda wildcards: plan.nve(wildcards.system)[-1],
    output:
        layout.TEST,
    log:
        "logs/{system}/{horizon}fs/{model}/evaluate.log",
    benchmark:
        "logs/{system}/{horizon}fs/{model}/evaluate.tsv"
    conda:
        networks
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
        gpu=1,
        turn=1,  # run one by one if profiles/slurm groups several of them
    params:
        code=CODE["evaluate"],
    shell:
        "trajcast evaluate --model {input.model:q} --dataset {input.dataset:q} --trajectory {input.trajectory:q}"
        " --output {output:q} --device auto 2>&1 | tee -i {log:q}"
