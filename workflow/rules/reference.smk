# Reference MD: equilibration, then the NVE and NVT runs side by side, then their health and published numbers beside theirs.


rule equilibration:
    input:
        settings="results/{system}/reference/reference.yaml",
        files=lambda wildcards: plan.reference_files(wildcards.system),
    output:
        "results/{system}/reference/starts.h5",
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
        folder=subpath(output[0], parent=True),
        code=CODE["reference"],
    shell:
        "trajcast reference --settings {input.settings:q} --output {params.folder:q} --part equilibration"
        " 2>&1 | tee -i {log:q}"


rule nve:
    input:
        settings="results/{system}/reference/reference.yaml",
        starts="results/{system}/reference/starts.h5",
    output:
        "results/{system}/reference/nve_{run}.h5md",
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
        "trajcast reference --settings {input.settings:q} --output {params.folder:q} --part nve_{wildcards.run}"
        " 2>&1 | tee -i {log:q}"


rule nvt:
    input:
        settings="results/{system}/reference/reference.yaml",
        starts="results/{system}/reference/starts.h5",
    output:
        "results/{system}/reference/nvt.h5md",
    log:
        "logs/{system}/reference/nvt.log",
    benchmark:
        "logs/{system}/reference/nvt.tsv"
    priority: 1  # the longest of the runs: started first, the others fit beside it
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
        "trajcast reference --settings {input.settings:q} --output {params.folder:q} --part {params.part}"
        " 2>&1 | tee -i {log:q}"


use rule nvt as nvt_2 with:
    output:
        "results/{system}/reference/nvt_2.h5md",
    log:
        "logs/{system}/reference/nvt_2.log",
    benchmark:
        "logs/{system}/reference/nvt_2.tsv"


rule health:
    input:
        settings="results/{system}/reference/reference.yaml",
        nve=lambda wildcards: plan.nve(wildcards.system),
        nvt=lambda wildcards: plan.nvt(wildcards.system),
    output:
        "results/{system}/reference/health.json",  # not health.csv: it stays, for reading, when the check fails
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
        "trajcast reference --settings {input.settings:q} --output {params.folder:q} --part health"
        " 2>&1 | tee -i {log:q}"


rule literature:
    input:
        settings="results/{system}/reference/reference.yaml",
        starts="results/{system}/reference/starts.h5",
        nvt="results/{system}/reference/nvt.h5md",
    output:
        "results/{system}/reference/literature.json",
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
        "trajcast reference --settings {input.settings:q} --output {params.folder:q} --part literature"
        " 2>&1 | tee -i {log:q}"


use rule reference_settings as timestep_settings with:
    output:
        "results/{system}/reference/timestep.yaml",
    log:
        "logs/{system}/reference/timestep_settings.log",
    localrule: True
    params:
        section="timestep",
        json=lambda wildcards: plan.timestep_settings(wildcards.system),
        code=CODE["settings"],


rule timestep:
    input:
        settings="results/{system}/reference/timestep.yaml",
        reference_settings="results/{system}/reference/reference.yaml",
        starts="results/{system}/reference/starts.h5",
    output:
        "results/{system}/reference/timestep.json",
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
        code=CODE["timestep"],
    shell:
        "trajcast timestep --settings {input.settings:q} --reference-settings {input.reference_settings:q}"
        " --starts {input.starts:q} --output {output:q} 2>&1 | tee -i {log:q}"
