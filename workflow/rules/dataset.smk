# Data sets of pairs one horizon apart, only from reference MD that passed the health checks.


rule dataset:
    input:
        health=layout.HEALTH,
        training=lambda wildcards: plan.nve(wildcards.system)[:-2],
        validation=lambda wildcards: plan.nve(wildcards.system)[-2],
        test=lambda wildcards: plan.nve(wildcards.system)[-1],
    output:
        settings=layout.DATASET_SETTINGS,
        dataset=layout.DATASET,
    log:
        "logs/{system}/{horizon}fs/dataset.log",
    benchmark:
        "logs/{system}/{horizon}fs/dataset.tsv"
    conda:
        "../../envs/trajcast.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
        turn=1,  # run one by one if profiles/slurm groups several of them
    params:
        settings=lambda wildcards: plan.dataset_settings(wildcards.system, wildcards.horizon),
        code=CODE["dataset"],
    shell:
        "trajcast dataset --settings {params.settings:q} --write-settings {output.settings:q} --training"
        " {input.training:q} --validation {input.validation:q} --test {input.test:q} --output {output.dataset:q} 2>&1"
        " | tee -i {log:q}"
