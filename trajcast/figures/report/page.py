"""The HTML page with the figures and tables of one system."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ase.data import chemical_symbols

from trajcast.core.version import __version__
from trajcast.figures.curves import observable_figure
from trajcast.figures.numbers import number, number_of, plain
from trajcast.figures.page import FOLDER, DrawnFigure, data_uri, template
from trajcast.figures.published import SUBSTANCES
from trajcast.figures.report.appendix import seeds_table, settings, versions_table
from trajcast.figures.report.data_table import data_table
from trajcast.figures.report.headline import headline, verdict
from trajcast.figures.report.inputs import Study, read_study
from trajcast.figures.report.model_tables import balance_table, repeated_steps_table, test_error_table
from trajcast.figures.report.result_tables import scalar_table, verdict_table
from trajcast.figures.report.run_figures import health_figure, temperature_figure, training_figure
from trajcast.figures.report.run_tables import health_table, literature_table, stability_table, timing_table
from trajcast.figures.report.runs import ReportedRun
from trajcast.figures.report.speed_table import speed_table
from trajcast.figures.report.timings import read_timings
from trajcast.figures.style import figure_style
from trajcast.figures.table import joined
from trajcast.io.files import write_text

MAX_COLUMNS = 4  # rollouts side by side in one figure


def write_report(
    folder: Path,
    models: Mapping[str, Path],
    output: Path,
    timings: Path | None = None,
    timestep: Sequence[Path] = (),
) -> None:
    """Write the page of one results folder to `output` atomically.

    Args:
        models: Folder of the model of each rollout to show, by the name of the rollout.
        timings: Folder of Snakemake benchmark files; without it the page has no table of timings.
        timestep: File of the timestep study, if any.

    Raises:
        UserError: If results are missing or malformed.
    """
    study = read_study(folder, models, timestep)
    with figure_style():
        observables = [figure for name in study.observables for figure in _observable_figures(study, name)]
        temperature, training, health = _run_figures(study)
    page = template("page.html", Path(__file__).parent, FOLDER).render(
        subject=_subject(study),
        version=__version__,
        facts=_facts(study),
        headlines=[(headline(run), verdict(run).agrees) for run in study.runs],
        verdict=verdict_table(study),
        stability=stability_table(study),
        errors=test_error_table(study),
        balance=balance_table(study),
        data=data_table(study),
        repeated_steps=repeated_steps_table(study),
        speed=speed_table(study),
        health=health_table(study),
        literature=literature_table(study) if study.literature else None,
        timings=timing_table(read_timings(timings) if timings else []),
        seeds=seeds_table(study),
        versions=versions_table(study),
        settings=settings(study),
        temperature_figure=temperature,
        observable_figures=observables,
        training_figure=training,
        health_figure=health,
    )
    write_text(output, page)


def _subject(study: Study) -> str:
    """What is simulated, with the name of its results folder."""
    name = study.folder.resolve().name
    substance = SUBSTANCES.get(study.settings["system"])
    return f"{substance} (system “{name}”)" if substance else f"the system “{name}”"


def _observable_figures(study: Study, name: str) -> Iterator[DrawnFigure]:
    """Figure of an observable, in several parts if there are many rollouts; the last one comes with the numbers."""
    starts = range(0, len(study.runs), MAX_COLUMNS)
    for start in starts:
        part = study.runs[start : start + MAX_COLUMNS]
        figure = observable_figure(name, part, range(start, start + len(part)))
        results = [result for run in part for result in (run.md.get(name), run.rollout.get(name)) if result]
        if figure is None or not results:
            continue
        titles = joined([run.title for run in part])
        curves = joined(list(dict.fromkeys(curve.name for result in results for curve in result.curves)))
        yield DrawnFigure(
            title=results[0].title,
            alt=f"{results[0].title}: {results[0].y_label} against {results[0].x_label} for {curves}, "
            f"reference MD and rollout {titles}.",
            caption="Dark grey: reference MD at the frame spacing of the rollout; coloured: rollout; bands: one "
            "standard error on either side.",
            source=data_uri(figure),
            notes=_by_origin(part, name, "note"),
            methods=_by_origin(part, name, "caption"),
            numbers=scalar_table(study, name) if start == starts[-1] else None,
        )


def _by_origin(runs: Sequence[ReportedRun], name: str, attribute: str) -> list[str]:
    """A text attribute of each result of one observable; a text that several results share is given once."""
    origins: dict[str, dict[str, list[str]]] = {}  # text → MD or rollout → rollouts
    for run in runs:
        for method, results in (("reference MD", run.md), ("rollout", run.rollout)):
            if name in results and (text := getattr(results[name], attribute)):
                origins.setdefault(text, {}).setdefault(method, []).append(run.name)
    return [
        f"{joined([f'{method} ({joined(names)})' for method, names in methods.items()])}: {text}"
        for text, methods in origins.items()
    ]


def _run_figures(study: Study) -> tuple[DrawnFigure, DrawnFigure | None, DrawnFigure]:
    titles = joined([run.title for run in study.runs])
    temperature = DrawnFigure(
        title="Temperature along the rollouts",
        alt=f"Kinetic temperature against time for {titles}, with the target temperature.",
        caption="Thin: instantaneous kinetic temperature of the saved frames; thick: averages over blocks of frames; "
        "dotted: target. Dashed vertical line and grey shading: end of a rollout that ended early, and the time that "
        "it did not reach.",
        source=data_uri(temperature_figure(study)),
    )
    skipped = sum(round(run.metrics["skipped_updates"].sum()) for run in study.runs if run.metrics is not None)
    training = DrawnFigure(
        title="Training",
        alt=f"Loss and mean absolute errors against training time for {titles}.",
        caption="Left: loss (mean squared error of displacement and velocity, each divided by its mean square over the "
        "training set). Right: mean absolute errors relative to the mean absolute value; if validation errors are much "
        "larger than training errors, more training pairs would help more than longer training."
        + (f" {skipped} updates with outlying losses were skipped." if skipped else ""),
        source=data_uri(training_figure(study)),
    )
    health = DrawnFigure(
        title="Quality of the reference MD",
        alt="Deviation of the total energy from its mean in each NVE run, and mean temperature of each reference run.",
        caption="Left: total energy per atom of each NVE run relative to its mean. Right: mean temperature of each run "
        "with its standard error; lines and bands: target and accepted range.",
        source=data_uri(health_figure(study)),
    )
    trained_here = any(run.metrics is not None for run in study.runs)
    return temperature, training if trained_here else None, health


def _facts(study: Study) -> dict[str, Any]:
    """Numbers in the introduction and in the limitations."""
    reference, spec = study.settings, study.spec
    counts = Counter(chemical_symbols[z] for z in spec.numbers)
    trained_here = [run.training_minutes for run in study.runs if run.metrics is not None]
    minutes = [value for value in trained_here if value is not None]
    parameters = [run.parameters for run in study.runs if run.parameters is not None]
    planned = sorted({run.outcome["planned_ps"] for run in study.runs})
    shipped = [run.shipped for run in study.runs if run.shipped is not None]
    return {
        "atoms": number_of(spec.n_atoms),
        "composition": ", ".join(f"{number_of(count)} {symbol}" for symbol, count in sorted(counts.items())),
        "temperature": plain(reference["temperature_K"]),
        "engine": study.engine,
        "timestep": f"{reference['timestep_fs']:g}",
        "reference_ps": plain(shipped[0]["duration_ps"] if shipped else study.reference_ps),
        "shipped": len(shipped),
        "own_ps": plain(study.reference_ps),
        "horizons": joined(list(dict.fromkeys(f"{run.horizon_fs:g}" for run in study.runs))),
        "models": joined(list(dict.fromkeys(run.model_folder.removeprefix("model-") for run in study.runs))),
        "parameters": joined([number_of(count) for count in dict.fromkeys(parameters)]) if parameters else "",
        "minutes": joined([number(value, 2) for value in dict.fromkeys(minutes)]) if minutes else "",
        "planned_ps": joined([plain(value) for value in planned]),
    }
