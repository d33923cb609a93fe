"""Compare rollouts with reference MD along a cooling ramp: temperature, diffusion, tetrahedral order, structure.

Both are analysed by the same code in windows of equal length; standard errors are those of the mean over the runs.
Writes windows.json, windows.csv, and the figure as cooling.pdf and cooling.png with its data in cooling.csv. A rollout
that ended early contributes to the windows that it completed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.commands._settings import add_settings_argument, settings_of
from trajcast.io import layout
from trajcast.io.path_checks import OutputFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_argument(parser, "section `studies.cooling`")
    add_settings_argument(parser, "section `observables`", "observables")
    parser.add_argument("--reference-settings", type=Path, required=True, metavar="YAML", help="section `reference`")
    parser.add_argument("--md", type=Path, nargs="+", required=True, metavar="H5MD", help="MD of `trajcast cooling_md`")
    parser.add_argument(
        "--rollout", type=Path, nargs="+", required=True, metavar="H5MD", help="rollouts at one or more horizons"
    )
    parser.add_argument("--output", type=OutputFolder, required=True, metavar="DIR", help="folder for the results")


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from trajcast.config.schema import ObservableSettings, ReferenceSettings
    from trajcast.config.studies import CoolingStudy
    from trajcast.config.validation import read_settings
    from trajcast.figures.cooling.comparison import compare
    from trajcast.figures.cooling.figure import draw
    from trajcast.figures.drawing import save
    from trajcast.figures.style import figure_style
    from trajcast.observables import Context

    context = Context(
        settings=settings_of(ObservableSettings, arguments, "observables"),
        reference=read_settings(ReferenceSettings, arguments.reference_settings),
    )
    cooling = settings_of(CoolingStudy, arguments)
    compare(arguments.md, arguments.rollout, cooling, context, arguments.output)
    with figure_style():
        save(draw(arguments.output / layout.WINDOWS_FILE), arguments.output / "cooling")
