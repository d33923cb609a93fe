"""Settings on the command line: a file, or the section itself; copied beside the results if requested."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from trajcast.commands._settings import add_settings_argument, settings_of
from trajcast.config.files import read_yaml
from trajcast.config.settings import DatasetSettings
from trajcast.config.validation import section_values
from trajcast.core.errors import UserError

VALUES = {"horizon_fs": 2.0, "samples": {"training": 3, "validation": 2, "test": 1}, "seed": 7}


def given(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_settings_argument(parser, "section `dataset`")
    return parser.parse_args(words)


def test_file_and_text_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("horizon_fs: 2.0\nsamples: {training: 3, validation: 2, test: 1}\nseed: 7\n")
    of_file = settings_of(DatasetSettings, given("--settings", str(path)))
    of_text = settings_of(DatasetSettings, given("--settings", json.dumps(VALUES)))
    assert of_file == of_text
    assert sorted(tmp_path.iterdir()) == [path]


def test_the_copy_holds_what_was_used(tmp_path: Path) -> None:
    copy = tmp_path / "results" / "dataset.yaml"
    settings = settings_of(DatasetSettings, given("--settings", json.dumps(VALUES), "--write-settings", str(copy)))
    assert read_yaml(copy) == section_values(settings)
    assert settings_of(DatasetSettings, given("--settings", str(copy))) == settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"horizon_fs": 2.0', "--settings: not valid YAML"),
        (json.dumps(VALUES | {"seed": 0}), "--settings: seed: 0 is wrong"),
        (json.dumps(VALUES | {"cutoff_A": 5.0}), r"training\.network\.cutoff_A"),
    ],
)
def test_wrong_text_is_named_and_nothing_written(text: str, message: str, tmp_path: Path) -> None:
    copy = tmp_path / "dataset.yaml"
    with pytest.raises(UserError, match=message):
        settings_of(DatasetSettings, given("--settings", text, "--write-settings", str(copy)))
    assert not copy.exists()
