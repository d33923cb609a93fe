# The published figures and tables, each beside the published numbers, and the page that shows them.

import json
from itertools import chain

from trajcast.figures.paper import drawable, figures


rule paper_figure:
    input:
        lambda wildcards: sorted({*chain.from_iterable(figures()[wildcards.figure].sources(plan).values())}),
    output:
        multiext("results/paper/{figure}", ".csv", ".json", ".pdf", ".png"),
    log:
        "logs/paper/{figure}.log",
    wildcard_constraints:
        figure=r"fig\w+",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(10),
        turn=1,  # one after the other where profiles/slurm sends several of them together
    params:
        path=lambda wildcards: f"results/paper/{wildcards.figure}",
        sources=lambda wildcards: json.dumps(figures()[wildcards.figure].sources(plan)),
        code=CODE["paper"],
    shell:
        "trajcast paper {wildcards.figure} --sources {params.sources:q} --output {params.path:q} 2>&1 | tee -i {log:q}"


use rule paper_figure as paper_table with:
    output:
        multiext("results/paper/{figure}", ".csv", ".json"),
    wildcard_constraints:
        figure=r"table\w+",


rule paper:
    input:
        lambda wildcards: [f"results/paper/{name}.json" for name in drawable(plan)],
    output:
        "results/paper/report.html",
    log:
        "logs/paper/report.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        sources=lambda wildcards: json.dumps({name: [f"results/paper/{name}.json"] for name in drawable(plan)}),
        code=CODE["paper"],
    shell:
        "trajcast paper report --sources {params.sources:q} --output {output:q} 2>&1 | tee -i {log:q}"
