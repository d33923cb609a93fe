"""Check one stage's settings and write them as a YAML file."""

from __future__ import annotations

import argparse
from typing import Any

from trajcast.io.path_checks import OutputFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    sections = ("reference", "dataset", "training", "rollout", "observables", "ramp", "cooling", "timestep")
    parser.add_argument("--section", choices=sections, required=True, help="the stage they belong to")
    parser.add_argument("--json", required=True, metavar="TEXT", help="the settings as JSON")
    parser.add_argument("--output", type=OutputFile, required=True, help="the YAML file to write")


def run(arguments: argparse.Namespace) -> None:
    import json

    from trajcast.config import schema, settings, studies, validation
    from trajcast.config.files import yaml_text
    from trajcast.core.errors import UserError
    from trajcast.io.files import write_text

    try:
        values = json.loads(arguments.json)
    except json.JSONDecodeError as error:
        raise UserError(f"--json: not valid JSON: {error}; quote the whole text for the shell") from None
    name = arguments.section.capitalize()
    section: type[Any] = next(getattr(module, name) for module in (schema, settings, studies) if hasattr(module, name))
    checked = validation.validate(section, values, "--json")
    write_text(arguments.output, yaml_text(validation.section_values(checked)))
