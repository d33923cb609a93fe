"""The paths of `results/` stand in one module."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import trajcast
from trajcast.io import layout

PACKAGE = Path(trajcast.__file__).parent
RULES = Path(__file__).parents[2] / "workflow" / "rules"
FILES = {name: value for name, value in vars(layout).items() if name.endswith("_FILE")}


@pytest.mark.parametrize("name", FILES.values())
def test_no_other_module_spells_a_file(name: str) -> None:
    spelled = [
        str(path)
        for path in [*PACKAGE.rglob("*.py"), *RULES.glob("*.smk")]
        if path.name != "layout.py" and re.search(rf"[\"'/]{re.escape(name)}[\"']", path.read_text(encoding="utf-8"))
    ]
    assert spelled == []


def test_rules_take_their_results_from_it() -> None:
    for path in RULES.glob("*.smk"):
        assert '"results/' not in path.read_text(encoding="utf-8"), path


def test_wildcards_are_filled_in() -> None:
    assert layout.at(layout.NVE, system="liquid", run=3) == "results/liquid/reference/nve_3.h5md"
    assert layout.at(layout.MODEL, system="a", horizon="0.5", model="model-x").endswith(
        "a/0.5fs/model-x/model.safetensors"
    )
    assert layout.nve_run(Path("results/liquid/reference"), 7) == Path("results/liquid/reference/nve_7.h5md")
    with pytest.raises(KeyError):
        layout.at(layout.NVE, system="liquid")
