# Rollouts, from the NVE trajectory that is not used in training or validation. Snakemake outputs cannot be functions of
# wildcards, hence one rule for each number of replicas. Later stages read the first replica.

for replicas, runs in plan.replicas().items():

    rule:
        name:
            "rollout" if replicas == 1 else f"rollout_{replicas}_replicas"
        input:
            unpack(lambda wildcards: plan.run_model(wildcards.system, wildcards.run)),
            start=lambda wildcards: plan.nve(wildcards.system)[-1],
        output:
            settings=layout.ROLLOUT_SETTINGS,
            trajectory=layout.ROLLOUT,
            outcome=layout.OUTCOME,
            others=[f"{layout.RUN}/{name}" for name in other_replicas(replicas)],
        log:
            "logs/{system}/runs/{run}/rollout.log",
        benchmark:
            "logs/{system}/runs/{run}/rollout.tsv"
        wildcard_constraints:
            system=runs,
        conda:
            networks
        threads: 1
        resources:
            mem_mb=growing(2000),
            runtime=growing(240),
            gpu=1,
        params:
            settings=lambda wildcards: plan.rollout_settings(wildcards.system, wildcards.run),
            code=CODE["rollout"],
        shell:
            "trajcast rollout --settings {params.settings:q} --write-settings {output.settings:q} --model"
            " {input.model:q} --start {input.start:q} --output {output.trajectory:q} --outcome {output.outcome:q}"
            " --threads {threads} --device auto 2>&1 | tee -i {log:q}"
