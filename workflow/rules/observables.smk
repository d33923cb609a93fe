# The same quantities from reference MD, a second MD run and a rollout, at the rollout's frame spacing.


rule observe:
    input:
        unpack(lambda wildcards: plan.judged_by(wildcards.system, wildcards.run)),
        settings="results/{system}/runs/{run}/observables.yaml",
        reference_settings="results/{system}/reference/reference.yaml",
        rollout="results/{system}/runs/{run}/rollout.h5md",
    output:
        md=directory("results/{system}/runs/{run}/observables/md"),
        rollout=directory("results/{system}/runs/{run}/observables/rollout"),
        summary="results/{system}/runs/{run}/observables/summary.json",
    log:
        "logs/{system}/runs/{run}/observe.log",
    benchmark:
        "logs/{system}/runs/{run}/observe.tsv"
    conda:
        with_forces("analysis")
    threads: 1
    resources:
        mem_mb=memory_of_forces(5000),
        runtime=growing(60),
        gpu=gpu_of_forces,
    params:
        folder=subpath(output.summary, parent=True),
        second=lambda wildcards, input: ["--second", input.second] if "second" in input.keys() else [],
        code=CODE["observe"],
    shell:
        "trajcast observe --settings {input.settings:q} --reference-settings {input.reference_settings:q}"
        " --md {input.md:q} {params.second:q} --rollout {input.rollout:q} --output {params.folder:q}"
        " 2>&1 | tee -i {log:q}"
