"""Generated inputs: every configuration key wrong in every way, every kind of file damaged in every way."""

from __future__ import annotations

import copy
import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from cases_configuration import SHIPPED
from cases_models import rollout
from cases_pairs import evaluate, frames
from cases_structures import copper, reference
from dumps import dump, write
from test_cases import contents, outcome
from world import World, run, write_h5md

from trajcast import shipped
from trajcast.config.files import read_mapping
from trajcast.core.errors import UserError
from trajcast.data.dataset import read_dataset
from trajcast.pipeline.plan import Plan

Keys = tuple[Any, ...]


def leaves(values: Any, keys: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Every value of a configuration that holds no others, with the keys that lead to it."""
    if isinstance(values, dict) and values:
        for key, value in values.items():
            yield from leaves(value, (*keys, key))
    elif not isinstance(values, list):
        yield keys, values


LIQUID = {"systems": {"liquid": read_mapping(SHIPPED)["systems"]["liquid"]}}
KEYS = sorted({keys for keys, _ in leaves(LIQUID)}, key=str)
FREE = re.compile(r"parameters|runs|dihedrals")  # of systems and runs, which validate them when they are used


def changed(keys: Keys, value: Any) -> dict[str, Any]:
    values = copy.deepcopy(LIQUID)
    place: Any = values
    for key in keys[:-1]:
        place = place[key]
    if value is ...:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    return values


def names(keys: Keys) -> str:
    return ".".join(map(str, keys))


@pytest.mark.parametrize("keys", [k for k in KEYS if not FREE.search(names(k))], ids=names)
def test_every_key_refuses_what_it_cannot_be(keys: Keys) -> None:
    """Types, ranges, numbers that are none; the message names the key."""
    (value,) = [v for k, v in leaves(LIQUID) if k == keys]
    wrong: list[Any] = [{"a": 1}, ["a"], "2 fs", math.nan, math.inf, -math.inf, True]
    if isinstance(value, bool):
        wrong = [{"a": 1}, ["a"], "yes", 2, 0.5]
    elif isinstance(value, int | float):
        wrong += [-1, -1e9]
    elif isinstance(value, str):
        wrong = [{"a": 1}, ["a"], 3, "nöne\n", True]
    for new in wrong:
        with pytest.raises(UserError) as caught:
            Plan(changed(keys, new))
        assert names(keys[2:]).split(".")[-1] in str(caught.value), f"{new!r}: {caught.value}"
        assert len(str(caught.value)) < 1500


@pytest.mark.parametrize("keys", KEYS, ids=names)
def test_a_missing_key_has_a_default_or_is_named(keys: Keys) -> None:
    said = ""
    try:
        Plan(changed(keys, ...))
    except UserError as error:
        said = str(error)
    assert not said or str(keys[-1]) in said


@pytest.mark.parametrize("keys", sorted({k[:-1] for k in KEYS if len(k) > 3}, key=str), ids=names)
def test_a_misspelt_key_is_named(keys: Keys) -> None:
    if FREE.search(names(keys)):
        return
    with pytest.raises(UserError, match="wrong_key: unknown key"):
        Plan(changed((*keys, "wrong_key"), 1))


# ---- files


def h5md_file(w: World) -> tuple[Path, list[str]]:
    path = write_h5md(w.path("run.h5md"), run())
    return path, w.dataset(path)


def dump_file(w: World) -> tuple[Path, list[str]]:
    path = write(w.path("run.dump"), dump(run()))
    return path, w.dataset(path)


def extxyz_file(w: World) -> tuple[Path, list[str]]:
    path = w.extxyz("run.extxyz", run().images())
    return path, w.dataset(path, "--interval-fs", "1")


def traj_file(w: World) -> tuple[Path, list[str]]:
    ase.io.write(str(w.path("run.traj")), run().images())
    return w.path("run.traj"), w.dataset(w.path("run.traj"), "--interval-fs", "1")


def pairs_file(w: World) -> tuple[Path, list[str]]:
    command = evaluate(w, frames())
    return w.path("pairs.extxyz"), command


def start_file(w: World) -> tuple[Path, list[str]]:
    path = write_h5md(w.path("run.h5md"), run())
    return path, rollout(w, path)


def settings_file(w: World) -> tuple[Path, list[str]]:
    command = w.dataset(write_h5md(w.path("run.h5md"), run()))
    return w.path("dataset.yaml"), command


def structure_file(w: World) -> tuple[Path, list[str]]:
    path = w.extxyz("cu.extxyz", [copper()])
    return path, reference(w, path)


def weights_file(w: World) -> tuple[Path, list[str]]:
    return _model(w, ".safetensors")


def card_file(w: World) -> tuple[Path, list[str]]:
    return _model(w, ".json")


def _model(w: World, ending: str) -> tuple[Path, list[str]]:
    for name in (".safetensors", ".json"):
        shutil.copy(shipped.resolve("water-5fs").with_suffix(name), w.path(f"mine{name}"))
    command = evaluate(w, frames())
    command[command.index("--model") + 1] = str(w.path("mine.safetensors"))
    return w.path(f"mine{ending}"), command


KINDS = [h5md_file, dump_file, extxyz_file, traj_file, pairs_file, start_file, settings_file, structure_file]
KINDS += [weights_file, card_file]


def damages(data: bytes) -> Iterator[tuple[str, bytes]]:
    """What may happen to the bytes of a file."""
    yield "empty", b""
    for share in (0.001, 0.3, 0.7, 0.98, 0.999):
        yield f"truncated to {share}", data[: int(len(data) * share)]
    yield "text", b"this is something else\n"
    yield "another format", b"PK\x03\x04" + bytes(2000)
    yield "zeros", bytes(len(data))
    yield "its second half twice", data + data[len(data) // 2 :]
    rng = np.random.default_rng(len(data))
    for place in rng.integers(0, len(data), 25).tolist():
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(rng.integers(8))
        yield f"byte {place} flipped", bytes(flipped)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_damaged_files(
    kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One message and nothing written, or, where a flipped digit is as good as any, the right numbers within it."""
    monkeypatch.chdir(tmp_path)
    world = World(tmp_path)
    path, command = kind(world)
    data, before = path.read_bytes(), set(contents(tmp_path))
    for what, damaged in damages(data):
        path.write_bytes(damaged)
        code, said = outcome(command, capsys)
        assert "Traceback" not in said, f"{what}: {said}"
        assert code in (0, 2), f"{what}: {code} {said}"
        if code == 2:
            assert sum(": error: " in line for line in said.splitlines()) == 1, f"{what}: {said}"
            new = set(contents(tmp_path)) - before
            assert not [
                name
                for name in new
                if "." in Path(name).name and not Path(name).name.startswith(".") and not name.endswith(".log")
            ], f"{what}: {new}"
        elif command[0] == "dataset":
            assert_near_truth(world, 0.1 if "flipped" in what else 2e-5)
        else:
            assert "flipped" in what or (what == "its second half twice" and kind is start_file), (
                f"{what} was taken for good"
            )
        for name in ("out", "rollout.h5md", "outcome.json"):
            made = tmp_path / name
            shutil.rmtree(made) if made.is_dir() else made.unlink(missing_ok=True)
    path.write_bytes(data)


def assert_near_truth(world: World, near: float) -> None:
    """What was read is right; a digit that flipped in a text without checksums moves one number by less than a step."""
    data = read_dataset(world.path("out/dataset.h5"))
    pairs = data.split("training")
    for i, frame in enumerate(pairs.frames.tolist()):
        moved = run().positions(frame + data.horizon_fs) - run().positions(float(frame))
        assert np.abs(pairs.displacements[i] - moved).max() < near
        assert np.abs(pairs.velocities[i] - run().velocities(float(frame))).max() < near


PATHS = [
    "no-such",
    "a b.h5md",
    "it's.h5md",
    'say "x".h5md',
    "rün.h5md",
    "~",
    "x;y.h5md",
    "$HOME.h5md",
    "%s.h5md",
    "{a}.h5md",
]


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("there", ["missing", "a folder", "a link to nothing", "good"])
def test_names_of_trajectories(
    name: str, there: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    world = World(tmp_path)
    path = tmp_path / name
    if there == "a folder":
        path.mkdir()
    elif there == "a link to nothing":
        path.symlink_to(tmp_path / "nothing")
    elif there == "good":
        write_h5md(path, run())
    code, said = outcome(world.dataset(path), capsys)
    if there == "good":
        assert code == 0, said
        return
    assert code == 2
    (message,) = [line for line in said.splitlines() if ": error: " in line]
    assert name in message
    assert "folder" in message if there == "a folder" else "no such file" in message


def test_a_line_break_in_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World(tmp_path)
    code, said = outcome(world.dataset(write_h5md(tmp_path / "run\n.h5md", run())), capsys)
    assert code == 2
    assert "has a line break or another control character in its name; rename it" in said


def test_a_tilde_is_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    world = World(tmp_path)
    write_h5md(tmp_path / "mine.h5md", run())
    code, said = outcome(world.dataset(Path("~/mine.h5md")), capsys)
    assert code == 0, said
    assert read_dataset(tmp_path / "out/dataset.h5").horizon_fs == 2.0
