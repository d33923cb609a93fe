# The same quantities from reference MD and from the configured model's roll-out, at the roll-out's frame spacing.


rule observe:
    input:
        settings="results/{system}/observables/{horizon}fs/observables.yaml",
        reference_settings="results/{system}/reference/reference.yaml",
        md="results/{system}/reference/nvt.h5md",
        forecast=lambda wildcards: plan.forecast(wildcards.system, wildcards.horizon),
    output:
        md=directory("results/{system}/observables/{horizon}fs/md"),
        forecast=directory("results/{system}/observables/{horizon}fs/forecast"),
        summary="results/{system}/observables/{horizon}fs/summary.json",
    log:
        "logs/{system}/{horizon}fs/observe.log",
    benchmark:
        "logs/{system}/{horizon}fs/observe.tsv"
    conda:
        with_forces("analysis")
    threads: 1
    resources:
        mem_mb=memory_of_forces(5000),
        runtime=growing(60),
        gpu=gpu_of_forces,
    params:
        folder=subpath(output.summary, parent=True),
        code=CODE["observe"],
    shell:
        "trajcast observe --settings {input.settings:q} --reference-settings {input.reference_settings:q}"
        " --md {input.md:q} --forecast {input.forecast:q} --output {params.folder:q} 2>&1 | tee -i {log:q}"
