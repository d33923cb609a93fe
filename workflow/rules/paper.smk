# The published figures and tables, compared with the published values, and the page that shows them.

import json
from itertools import chain

from trajcast.figures.paper import drawable, figures


rule paper_figure:
    input:
        lambda wildcards: sorted({*chain.from_iterable(figures()[wildcards.figure].sources(plan).values())}),
    output:
        multiext(layout.PAPER_FIGURE, ".csv", ".json", ".pdf", ".png"),
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
        turn=1,  # run one by one if profiles/slurm groups several of them
    params:
        path=lambda wildcards: layout.at(layout.PAPER_FIGURE, figure=wildcards.figure),
        sources=lambda wildcards: json.dumps(figures()[wildcards.figure].sources(plan)),
        code=CODE["paper"],
    shell:
        "trajcast paper {wildcards.figure} --sources {params.sources:q} --output {params.path:q} 2>&1 | tee -i"
        " {log:q}"


use rule paper_figure as paper_table with:
    output:
        multiext(layout.PAPER_FIGURE, ".csv", ".json"),
    wildcard_constraints:
        figure=r"table\w+",


rule paper:
    input:
        lambda wildcards: [layout.at(layout.PAPER_RECORD, figure=name) for name in drawable(plan)],
    output:
        layout.PAPER_REPORT,
    log:
        "logs/paper/report.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        sources=lambda wildcards: json.dumps(
            {name: [layout.at(layout.PAPER_RECORD, figure=name)] for name in drawable(plan)}
        ),
        code=CODE["paper"],
    shell:
        "trajcast paper report --sources {params.sources:q} --output {output:q} 2>&1 | tee -i {log:q}"
