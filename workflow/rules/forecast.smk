# A roll-out of one model; it starts from the trajectory that neither training nor validation has seen.


rule forecast:
    input:
        settings="results/{system}/{horizon}fs/model-n{samples}-s{seed}/forecast/forecast.yaml",
        model="results/{system}/{horizon}fs/model-n{samples}-s{seed}/model.safetensors",
        card="results/{system}/{horizon}fs/model-n{samples}-s{seed}/model.json",
        start=lambda wildcards: plan.nve(wildcards.system)[-1],
    output:
        trajectory="results/{system}/{horizon}fs/model-n{samples}-s{seed}/forecast/forecast.h5md",
        outcome="results/{system}/{horizon}fs/model-n{samples}-s{seed}/forecast/outcome.json",
    log:
        "logs/{system}/{horizon}fs/model-n{samples}-s{seed}/forecast.log",
    benchmark:
        "logs/{system}/{horizon}fs/model-n{samples}-s{seed}/forecast.tsv"
    conda:
        "../../envs/trajcast.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        code=CODE["forecast"],
    shell:
        "trajcast forecast --settings {input.settings:q} --model {input.model:q} --start {input.start:q}"
        " --output {output.trajectory:q} --outcome {output.outcome:q} --threads {threads} 2>&1 | tee -i {log:q}"
