"""The page of models whose records say less, or other things, than those of models that were trained here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from page_elements import Elements, page_of
from report_folder import MODEL, models_of, write_run

from trajcast import shipped
from trajcast.io.files import write_json
from trajcast.io.provenance import provenance

HORIZON_FS = 2.0

Record = dict[str, Any]


def imported() -> Record:
    """As `trajcast import` writes it."""
    sources = [{"file": "weights.pt", "sha256": "0" * 64}]
    record = provenance("import", {"configuration": {}, "elements": [1, 8]}, sources=sources)
    return {"horizon_fs": HORIZON_FS, "parameters": 2200000, "dtype": "float32", "provenance": record}


def shipped_one() -> Record:
    return shipped.record("water-5fs") | {"horizon_fs": HORIZON_FS}


def trained(**changes: Any) -> Record:
    """As `trajcast train` writes it."""
    record = provenance("training", {"samples": 40, "seed": 1})
    return {"horizon_fs": HORIZON_FS, "parameters": 12345, "provenance": record, "training": {"minutes": 5.0}} | changes


RECORDS: dict[str, Callable[[], Record]] = {
    "trained": trained,
    "imported": imported,
    "shipped": shipped_one,
    "bare": lambda: {"horizon_fs": HORIZON_FS, "parameters": 7},
    "no horizon": lambda: imported() | {"horizon_fs": None},
    "nothing known": lambda: trained(horizon_fs=None, parameters=None, provenance=None, training=None),
    "empty": lambda: trained(provenance={}, training={}),
    "other kinds": lambda: trained(parameters="many", provenance="a paper", training=["long"]),
    "nulls in it": lambda: trained(
        provenance={"settings": None, "versions": None, "machine": None, "dataset": None},
        training={"minutes": None, "updates": None, "device": None},
    ),
    "other kinds in it": lambda: trained(
        provenance={"settings": [1], "versions": "new", "machine": 7, "dataset": "much"},
        training={"minutes": "ten", "updates": "all", "device": 3},
    ),
    "nulls in versions": lambda: trained(
        provenance={"settings": {"seed": None}, "versions": {"torch": None}, "machine": {"node": None, "cores": 2}}
    ),
    "updates": lambda: trained(training={"updates": 1234, "device": "one H100"}),
}


@pytest.fixture
def models(folder: Path) -> dict[str, Path]:
    """A rollout for every record, by its name, with the folder of its model."""
    found = {}
    for name, record in RECORDS.items():
        found[name] = folder / "2fs" / f"model-{name}"
        write_json(found[name] / "model.json", record())
        (found[name] / "test.json").write_bytes((folder / f"2fs/{MODEL}/test.json").read_bytes())
        write_run(folder / "runs" / name, HORIZON_FS, frames=3)
    return found


@pytest.mark.parametrize("name", RECORDS)
def test_alone(name: str, folder: Path, models: dict[str, Path]) -> None:
    page = Elements(page_of(folder, {name: models[name]}))
    assert page.starting(f"{name}, Δt = 2 fs", "NVT (CSVR)")
    assert len(page.starting(name)[0]) == 8  # its errors
    assert not any("Training" in caption for caption in page.captions)  # no metrics


def test_all_together_and_beside_one_that_was_trained_here(folder: Path, models: dict[str, Path]) -> None:
    page = Elements(page_of(folder, models_of(folder, 2.0) | models))
    for name in models:
        assert page.starting(f"{name}, Δt = 2 fs", "NVT (CSVR)")
    shown = {name: page.starting(name)[0][1:3] for name in (*models, "n40-s1")}  # parameters, training
    assert shown == {
        "n40-s1": ["12\u2009345", "5.0 min, cpu"],
        "trained": ["12\u2009345", "5.0 min"],
        "imported": ["2\u2009200\u2009000", "–"],
        "shipped": ["2\u2009590\u2009280", "105.1 min, one core of an Intel Xeon"],
        "bare": ["7", "–"],
        "no horizon": ["2\u2009200\u2009000", "–"],
        "nothing known": ["–", "–"],
        "empty": ["12\u2009345", "–"],
        "other kinds": ["–", "–"],
        "nulls in it": ["12\u2009345", "–"],
        "other kinds in it": ["12\u2009345", "–"],
        "nulls in versions": ["12\u2009345", "5.0 min"],
        "updates": ["12\u2009345", "1234 updates, one H100"],
    }
    assert sum("Training" in caption for caption in page.captions) == 1


def test_minutes_of_models_that_were_trained_elsewhere_are_not_those_of_training_here(
    folder: Path, models: dict[str, Path]
) -> None:
    elsewhere = {name: models[name] for name in ("trained", "shipped")}
    assert "Those trained here were trained for 5.0 min." in page_of(folder, models_of(folder, 2.0) | elsewhere)
    assert "trained here" not in page_of(folder, elsewhere)
    assert "The networks have" not in page_of(folder, {"nothing known": models["nothing known"]})


def test_a_record_that_is_none_is_named(folder: Path, models: dict[str, Path]) -> None:
    from trajcast.core.errors import UserError

    for text, complaint in (
        ("[]", "lacks horizon_fs, parameters"),
        ("{", "not valid JSON"),
        ("{}", "lacks horizon_fs"),
    ):
        (models["bare"] / "model.json").write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=rf"model.json: {complaint}"):
            page_of(folder, {"bare": models["bare"]})


def test_where_the_reference_is_shipped_the_page_tells_whose_md_is_which(folder: Path) -> None:
    summary = folder / "runs/2fs/observables/summary.json"
    record = json.loads(summary.read_text(encoding="utf-8")) | {"reference": {"duration_ps": 2600.0}}
    write_json(summary, record)
    page = " ".join(page_of(folder, models_of(folder, 2.0)).split())
    assert "2600 ps of reference MD in the NVT ensemble, whose summary comes with TrajCast; 0.08 ps of MD made" in page
    page = " ".join(page_of(folder, models_of(folder, 1.0)).split())
    assert "0.08 ps of reference MD in the NVT ensemble." in page
