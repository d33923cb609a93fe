# Reference MD: equilibration, parallel NVE and NVT runs, their health checks and a comparison with published values.


rule equilibration:
    input:
        files=lambda wildcards: plan.reference_files(wildcards.system),
    output:
        settings=layout.REFERENCE_SETTINGS,
        starts=layout.STARTS,
    log:
        "logs/{system}/reference/equilibration.log",
    benchmark:
        "logs/{system}/reference/equilibration.tsv"
    conda:
        with_forces("lammps")
    threads: 1
    resources:
        mem_mb=memory_of_forces(1000),
        runtime=growing(60),
        gpu=gpu_of_forces,
    params:
        settings=lambda wildcards: plan.settings(wildcards.system, "reference"),
        folder=subpath(output.starts, parent=True),
        code=CODE["reference"],
    shell:
        "trajcast reference --settings {params.settings:q} --write-settings {output.settings:q} --output"
        " {params.folder:q} --part equilibration 2>&1 | tee -i {log:q}"


rule nve:
    input:
        settings=layout.REFERENCE_SETTINGS,
        starts=layout.STARTS,
    output:
        layout.NVE,
    log:
        "logs/{system}/reference/nve_{run}.log",
    benchmark:
        "logs/{system}/reference/nve_{run}.tsv"
    wildcard_constraints:
        run=r"[1-9]\d*",
    conda:
        with_forces("lammps")
    threads: 1
    resources:
        mem_mb=memory_of_forces(1000),
        runtime=growing(60),
        gpu=gpu_of_forces,
    params:
        folder=subpath(output[0], parent=True),
        code=CODE["reference"],
    shell:
        "trajcast reference --settings {input.settings:q} --output {params.folder:q} --part nve_{wildcards.run} 2>&1"
        " | tee -i {log:q}"


rule nvt:
    input:
        settings=layout.REFERENCE_SETTINGS,
        starts=layout.STARTS,
    output:
        layout.NVT,
    log:
        "logs/{system}/reference/nvt.log",
    benchmark:
        "logs/{system}/reference/nvt.tsv"
    priority: 1  # the longest run starts first, so that the others run in parallel
    conda:
        with_forces("lammps")
    threads: 1
    resources:
        mem_mb=memory_of_forces(1000),
        runtime=growing(240),
        gpu=gpu_of_forces,
    params:
        folder=subpath(output[0], parent=True),
        part=subpath(output[0], basename=True, strip_suffix=".h5md"),
        code=CODE["reference"],
    shell:
        "trajcast reference --settings {input.settings:q} --output {params.folder:q} --part {params.part} 2>&1 | tee"
        " -i {log:q}"


use rule nvt as nvt_2 with:
    output:
        layout.SECOND_NVT,
    log:
        "logs/{system}/reference/nvt_2.log",
    benchmark:
        "logs/{system}/reference/nvt_2.tsv"


rule health:
    input:
        settings=layout.REFERENCE_SETTINGS,
        nve=lambda wildcards: plan.nve(wildcards.system),
        nvt=lambda wildcards: plan.nvt(wildcards.system),
    output:
        layout.HEALTH,  # not health.csv, which remains for inspection if a check fails
    log:
        "logs/{system}/reference/health.log",
    benchmark:
        "logs/{system}/reference/health.tsv"
    conda:
        "../../envs/lammps.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(15),
    params:
        folder=subpath(output[0], parent=True),
        code=CODE["reference"],
    shell:
        "trajcast reference --settings {input.settings:q} --output {params.folder:q} --part health 2>&1 | tee -i"
        " {log:q}"


rule literature:
    input:
        settings=layout.REFERENCE_SETTINGS,
        starts=layout.STARTS,
        nvt=layout.NVT,
    output:
        layout.LITERATURE,
    log:
        "logs/{system}/reference/literature.log",
    benchmark:
        "logs/{system}/reference/literature.tsv"
    conda:
        with_forces("analysis")
    threads: 1
    resources:
        mem_mb=memory_of_forces(2000),
        runtime=growing(30),
        gpu=gpu_of_forces,
    params:
        folder=subpath(output[0], parent=True),
        code=CODE["reference"],
    shell:
        "trajcast reference --settings {input.settings:q} --output {params.folder:q} --part literature 2>&1 | tee -i"
        " {log:q}"


rule timestep:
    input:
        reference_settings=layout.REFERENCE_SETTINGS,
        starts=layout.STARTS,
    output:
        settings=layout.TIMESTEP_SETTINGS,
        timestep=layout.TIMESTEP,
    log:
        "logs/{system}/reference/timestep.log",
    benchmark:
        "logs/{system}/reference/timestep.tsv"
    conda:
        with_forces("lammps")
    threads: 1
    resources:
        mem_mb=memory_of_forces(1000),
        runtime=growing(60),
        gpu=gpu_of_forces,
    params:
        settings=lambda wildcards: studies.timestep_settings(plan, wildcards.system),
        code=CODE["timestep"],
    shell:
        "trajcast timestep --settings {params.settings:q} --write-settings {output.settings:q} --reference-settings"
        " {input.reference_settings:q} --starts {input.starts:q} --output {output.timestep:q} 2>&1 | tee -i {log:q}"
