"""Settings of a stage on the command line: a YAML file or, in the workflow, the section itself as JSON."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeVar

from trajcast.io.path_checks import OutputFile

SectionType = TypeVar("SectionType")


def add_settings_argument(parser: argparse.ArgumentParser, section: str, name: str = "settings") -> None:
    """Add `--settings`, and `--write-settings` for a copy beside the results."""
    parser.add_argument(
        f"--{name}",
        type=_file_or_text,
        required=True,
        metavar="YAML",
        help=f"{section}: a YAML file, or its content as JSON",
    )
    parser.add_argument(
        f"--write-{name}", type=OutputFile, metavar="YAML", help="file to write a copy of these settings to"
    )


def _file_or_text(value: str) -> Path | str:
    return value if value.lstrip().startswith("{") else Path(value)


def settings_of(section: type[SectionType], arguments: argparse.Namespace, name: str = "settings") -> SectionType:
    """Read and validate the settings, and write them if requested.

    Raises:
        UserError: A key or value is wrong.
    """
    from trajcast.config.files import parse_yaml, yaml_text
    from trajcast.config.validation import read_settings, section_values, validate
    from trajcast.io.files import write_text

    source, where = getattr(arguments, name), f"--{name}"
    if isinstance(source, Path):
        settings = read_settings(section, source)
    else:
        settings = validate(section, parse_yaml(source, where), where)
    if (output := getattr(arguments, f"write_{name}")) is not None:
        write_text(output, yaml_text(section_values(settings)))
    return settings
