"""Check one stage's settings and write them as a YAML file."""

from __future__ import annotations

import argparse
from typing import Any

from trajcast.paths import OutputFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    sections = ("reference", "dataset", "training", "forecast", "observables", "ramp", "cooling", "timestep")
    parser.add_argument("--section", choices=sections, required=True, help="the stage they belong to")
    parser.add_argument("--json", required=True, metavar="TEXT", help="the settings as JSON")
    parser.add_argument("--output", type=OutputFile, required=True, help="the YAML file to write")


def run(arguments: argparse.Namespace) -> None:
    import json

    from trajcast import config, studies
    from trajcast.config_files import yaml_text
    from trajcast.errors import UserError
    from trajcast.files import write_text

    try:
        values = json.loads(arguments.json)
    except json.JSONDecodeError as error:
        raise UserError(f"--json: not valid JSON: {error}; quote the whole text for the shell") from None
    name = arguments.section.capitalize()
    section: type[Any] = getattr(config, name, None) or getattr(studies, name)
    settings = config.validate(section, values, "--json")
    write_text(arguments.output, yaml_text(config.section_values(settings)))
