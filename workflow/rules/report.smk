# Reports, one page per system: verdict, figures, settings, versions.


rule report:
    input:
        health=layout.HEALTH,
        literature=layout.LITERATURE,
        nve=lambda wildcards: plan.nve(wildcards.system),
        nvt=lambda wildcards: plan.nvt(wildcards.system),
        runs=lambda wildcards: plan.reported(wildcards.system),
        timestep=lambda wildcards: studies.timestep(plan, wildcards.system),
    output:
        layout.REPORT,
    log:
        "logs/{system}/report.log",
    benchmark:
        "logs/{system}/report.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        folder=subpath(output[0], parent=True),
        runs=lambda wildcards: plan.runs(wildcards.system),
        models=lambda wildcards: [plan.run_model_folder(wildcards.system, run) for run in plan.runs(wildcards.system)],
        code=CODE["report"],
    shell:
        "trajcast report --folder {params.folder:q} --runs {params.runs:q} --models {params.models:q} --timings"
        " logs/{wildcards.system} --timestep {input.timestep:q} --output {output:q} 2>&1 | tee -i {log:q}"
