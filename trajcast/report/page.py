"""The page: figures and tables of one system put into the template."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
from ase.data import chemical_symbols
from matplotlib.figure import Figure

from trajcast import __version__
from trajcast.files import write_text
from trajcast.report.appendix import seeds_table, settings, versions_table
from trajcast.report.data_table import data_table
from trajcast.report.headline import headline, verdict
from trajcast.report.inputs import Study, read_study
from trajcast.report.model_tables import balance_table, own_steps_table, test_error_table
from trajcast.report.numbers import number, number_of, plain
from trajcast.report.observable_figure import observable_figure
from trajcast.report.result_tables import scalar_table, verdict_table
from trajcast.report.run_figures import health_figure, temperature_figure, training_figure
from trajcast.report.run_tables import health_table, literature_table, stability_table, timing_table
from trajcast.report.runs import Run
from trajcast.report.speed_table import speed_table
from trajcast.report.style import figure_style, svg
from trajcast.report.table import Table, joined
from trajcast.report.timings import read_jobs

COLUMNS_AT_MOST = 4  # roll-outs side by side in one figure


@dataclass(frozen=True, kw_only=True)
class DrawnFigure:
    """A figure as the template needs it."""

    title: str
    alt: str
    caption: str
    source: str  # data: URI
    notes: list[str] = field(default_factory=list)  # why something is missing
    methods: list[str] = field(default_factory=list)  # how it was computed
    numbers: Table | None = None


def write_report(
    folder: Path,
    models: Mapping[str, Path],
    output: Path,
    timings: Path | None = None,
    timestep: Sequence[Path] = (),
) -> None:
    """Write the page of one results folder to `output`, whole or not at all; UserError when results are missing.

    `models`: the folder of the model of each roll-out to show. `timings`: a folder of Snakemake benchmark
    files; without it the page has no table of times. `timestep`: the file of the largest time step, if any.
    """
    study = read_study(folder, models, timestep)
    with figure_style():
        observables = [figure for name in study.observables for figure in _observable_figures(study, name)]
        temperature, training, health = _run_figures(study)
    page = template("page.html", Path(__file__).parent).render(
        system=study.folder.resolve().name,
        version=__version__,
        facts=_facts(study),
        headlines=[(headline(run), verdict(run).agrees) for run in study.runs],
        verdict=verdict_table(study),
        stability=stability_table(study),
        errors=test_error_table(study),
        balance=balance_table(study),
        data=data_table(study),
        own_steps=own_steps_table(study),
        speed=speed_table(study),
        health=health_table(study),
        literature=literature_table(study) if study.literature else None,
        timings=timing_table(read_jobs(timings) if timings else []),
        seeds=seeds_table(study),
        versions=versions_table(study),
        settings=settings(study),
        temperature_figure=temperature,
        observable_figures=observables,
        training_figure=training,
        health_figure=health,
    )
    write_text(output, page)


def _observable_figures(study: Study, name: str) -> Iterator[DrawnFigure]:
    """The observable's figure, in several parts when there are many roll-outs, the numbers under the last."""
    starts = range(0, len(study.runs), COLUMNS_AT_MOST)
    for start in starts:
        part = study.runs[start : start + COLUMNS_AT_MOST]
        figure = observable_figure(name, part, range(start, start + len(part)))
        results = [result for run in part for result in (run.md.get(name), run.forecast.get(name)) if result]
        if figure is None or not results:
            continue
        titles = joined([run.title for run in part])
        curves = joined(list(dict.fromkeys(curve.name for result in results for curve in result.curves)))
        yield DrawnFigure(
            title=results[0].title,
            alt=f"{results[0].title}: {results[0].y_label} against {results[0].x_label} for {curves}, "
            f"reference MD and forecast {titles}.",
            caption="Dark grey: reference MD at the frame spacing of the roll-out; coloured: forecast; bands: one "
            "standard error.",
            source=_data_uri(figure),
            notes=_by_origin(part, name, "note"),
            methods=_by_origin(part, name, "caption"),
            numbers=scalar_table(study, name) if start == starts[-1] else None,
        )


def _by_origin(runs: Sequence[Run], name: str, attribute: str) -> list[str]:
    """A text of each result of one observable, said once where all say the same."""
    origins: dict[str, dict[str, list[str]]] = {}  # text → MD or forecast → roll-outs
    for run in runs:
        for who, results in (("reference MD", run.md), ("forecast", run.forecast)):
            if name in results and (text := getattr(results[name], attribute)):
                origins.setdefault(text, {}).setdefault(who, []).append(run.name)
    return [
        f"{joined([f'{who} ({joined(names)})' for who, names in found.items()])}: {text}"
        for text, found in origins.items()
    ]


def _run_figures(study: Study) -> tuple[DrawnFigure, DrawnFigure | None, DrawnFigure]:
    titles = joined([run.title for run in study.runs])
    temperature = DrawnFigure(
        title="Temperature along each roll-out",
        alt=f"Kinetic temperature against time for {titles}, with the target temperature.",
        caption="Thin: instantaneous kinetic temperature of the kept frames; thick: its running mean; dotted: target. "
        "Grey ground: what a roll-out that ended early did not reach.",
        source=_data_uri(temperature_figure(study)),
    )
    skipped = sum(round(run.metrics["skipped_updates"].sum()) for run in study.runs if run.metrics is not None)
    training = DrawnFigure(
        title="Training",
        alt=f"Loss and mean absolute errors against training time for {titles}.",
        caption="Left: loss (mean squared error of displacement and velocity, each divided by its mean square over the "
        "training set). Right: mean absolute errors relative to the mean absolute value; where those of validation "
        "pairs lie well above those of training pairs, more pairs would help more than more time."
        + (f" {skipped} updates with outlying losses were skipped." if skipped else ""),
        source=_data_uri(training_figure(study)),
    )
    health = DrawnFigure(
        title="Health of the reference MD",
        alt="Deviation of the total energy from its mean in each NVE run, and mean temperature of each reference run.",
        caption="Left: total energy per atom of each NVE run about its mean. Right: mean temperature with its standard "
        "error; line and band: target and what is allowed.",
        source=_data_uri(health_figure(study)),
    )
    trained_here = any(run.metrics is not None for run in study.runs)
    return temperature, training if trained_here else None, health


def template(name: str, *folders: Path) -> jinja2.Template:
    """A page's template, and what it includes, from these folders; every name in it must be given."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(name)


def _data_uri(figure: Figure) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg(figure)).decode()


def _facts(study: Study) -> dict[str, Any]:
    """What the opening paragraph and the limits say in numbers."""
    reference, topology = study.settings, study.topology
    counts = Counter(chemical_symbols[z] for z in topology.numbers)
    trained_here = [run.training_minutes for run in study.runs if run.metrics is not None]
    minutes = [value for value in trained_here if value is not None]
    weights = [run.weights for run in study.runs if run.weights is not None]
    planned = sorted({run.outcome["planned_ps"] for run in study.runs})
    shipped = [run.shipped for run in study.runs if run.shipped is not None]
    return {
        "atoms": number_of(topology.n_atoms),
        "composition": ", ".join(f"{number_of(count)} {symbol}" for symbol, count in sorted(counts.items())),
        "temperature": plain(reference["temperature_K"]),
        "engine": reference["engine"],
        "timestep": f"{reference['timestep_fs']:g}",
        "reference_ps": plain(shipped[0]["duration_ps"] if shipped else study.reference_ps),
        "shipped": len(shipped),
        "own_ps": plain(study.reference_ps),
        "horizons": joined(list(dict.fromkeys(f"{run.horizon_fs:g}" for run in study.runs))),
        "models": joined(list(dict.fromkeys(run.model_folder.removeprefix("model-") for run in study.runs))),
        "weights": joined([number_of(count) for count in dict.fromkeys(weights)]) if weights else "",
        "minutes": joined([number(value, 2) for value in dict.fromkeys(minutes)]) if minutes else "",
        "planned_ps": joined([plain(value) for value in planned]),
    }
