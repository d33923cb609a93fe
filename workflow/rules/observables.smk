# Observables of reference MD, a second MD run and a rollout, at the rollout's frame spacing.


rule observe:
    input:
        unpack(lambda wildcards: plan.judged_by(wildcards.system, wildcards.run)),
        reference_settings=layout.REFERENCE_SETTINGS,
        rollout=layout.ROLLOUT,
        other_replicas=lambda wildcards: plan.replica_files(wildcards.system, wildcards.run),
    output:
        settings=layout.OBSERVABLES_SETTINGS,
        md=directory(f"{layout.OBSERVABLES}/md"),
        rollout=directory(f"{layout.OBSERVABLES}/rollout"),
        summary=layout.SUMMARY,
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
        settings=lambda wildcards: plan.settings(wildcards.system, "observables"),
        folder=subpath(output.summary, parent=True),
        second=lambda wildcards, input: ["--second", input.second] if "second" in input.keys() else [],
        code=CODE["observe"],
    shell:
        "trajcast observe --settings {params.settings:q} --write-settings {output.settings:q} --reference-settings"
        " {input.reference_settings:q} --md {input.md:q} {params.second:q} --rollout {input.rollout:q} --output"
        " {params.folder:q} 2>&1 | tee -i {log:q}"
