"""What is wrong with the sources of a figure is said in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trajcast.cli import main


@pytest.mark.parametrize(
    ("name", "sources", "said"),
    [
        ("fig4", {}, "--sources: names no files; give those that the figure reads, by their role"),
        ("fig4", {"summary": []}, "--sources: names no files"),
        ("fig4", ["HERE"], "--sources: (whole section): ['HERE'] is wrong"),
        ("fig4", {"summary": "HERE"}, "--sources: summary: 'HERE' is wrong: input should be a valid list"),
        ("fig4", {"outcome": ["HERE"]}, "--sources: names no 'summary', only outcome; give"),
        ("fig4", {"summary": ["none.json"], "outcome": ["HERE"]}, "--sources: none.json: no such file; make it first"),
        ("fig5", {"water": ["HERE"]}, "--sources: names none of molecule, crystal, liquid, only water; name one of"),
        ("figS1", {"water": ["HERE"]}, "--sources: names none of molecule, crystal, liquid, only water; name one of"),
        ("figS2", {"water": ["HERE"]}, "--sources: names none of molecule, crystal, liquid, only water; name one of"),
        ("figCooling", {"water": ["HERE"]}, "--sources: names no 'windows', only water; give"),
    ],
)
def test_wrong_sources_are_named(
    name: str, sources: Any, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "here.json"
    here.write_text("{}", encoding="utf-8")
    given = json.dumps(sources).replace("HERE", str(here))
    assert main(["paper", name, "--sources", given, "--output", str(tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert said.replace("HERE", str(here)) in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == [here]
