"""Properties of all configurations and small trajectories: what is written is read again, and physics has no format."""

from __future__ import annotations

import io
import json
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from dumps import dump
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from world import BOX, TILTED, World, run

from trajcast.config.files import Layers, parse_yaml, yaml_text
from trajcast.config.settings import DatasetSettings
from trajcast.config.validation import section_json, validate
from trajcast.data.pairs import pairs_at
from trajcast.data.sources import Frames, Reading, read_frames

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(
        st.characters(
            codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufeff\ufffe\uffff"
        )
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"\A[a-z]{1,8}\Z"), inner, max_size=3),
    max_leaves=12,
)
mappings = st.dictionaries(st.from_regex(r"\A[A-Za-z0-9_]{1,8}\Z"), plain, max_size=4)


@given(mappings)
def test_yaml_is_read_as_it_is_written(values: dict[str, Any]) -> None:
    assert parse_yaml(yaml_text(values), "text") == values


@given(mappings)
def test_json_is_yaml(values: dict[str, Any]) -> None:
    assert parse_yaml(json.dumps(values, ensure_ascii=False), "text") == values


@given(st.lists(mappings, max_size=4))
def test_layers_replace_what_they_name_and_nothing_else(layers: list[dict[str, Any]]) -> None:
    together = Layers([(str(n), layer) for n, layer in enumerate(layers)])
    for key in {key for layer in layers for key in layer}:
        last = [layer[key] for layer in layers if key in layer][-1]
        value = together.values[key]
        assert value == last or (isinstance(last, dict) and isinstance(value, dict) and last.items() <= value.items())
        assert str(max(n for n, layer in enumerate(layers) if key in layer)) in together.origin([key])


settings_of_data = st.fixed_dictionaries(
    {
        "horizon_fs": st.floats(1e-3, 1e3),
        "samples": st.fixed_dictionaries(dict.fromkeys(("training", "validation", "test"), st.integers(1, 10**6))),
        "seed": st.integers(1, 2**31 - 1),
    },
    optional={"steps": st.sampled_from([1, 2]), "time_reversed": st.booleans(), "accept": st.just(["energy"])},
)


@given(settings_of_data)
def test_settings_survive_their_file(values: dict[str, Any]) -> None:
    section = validate(DatasetSettings, values, "first")
    out = io.StringIO()
    YAML(typ="safe", pure=True).dump(asdict(section), out)
    again = validate(DatasetSettings, parse_yaml(out.getvalue(), "text"), "second")
    assert again == section
    assert section_json(again) == section_json(section)


# ---- trajectories: of one run, whatever is done to how it is written


def pairs_of(frames: Frames) -> tuple[np.ndarray, ...]:
    pairs = pairs_at(frames, np.arange(len(frames) - 2), stride=2, source=0)
    return pairs.displacements, pairs.velocities, pairs.new_velocities


def written(images: list[ase.Atoms]) -> Frames:
    with tempfile.TemporaryDirectory() as folder:
        path = World(Path(folder)).extxyz("run.extxyz", images)
        return read_frames(path, Reading(interval_fs=1.0))


def dumped(text: str) -> Frames:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.dump"
        path.write_text(text)
        return read_frames(path, Reading())


cells = st.sampled_from([BOX, TILTED])
seeds = st.integers(0, 50)


def assert_same(found: Frames, expected: Frames, turn: np.ndarray | None = None) -> None:
    for a, b in zip(pairs_of(found), pairs_of(expected), strict=True):
        np.testing.assert_allclose(a, b if turn is None else b @ turn, atol=3e-5)


@settings(max_examples=15, deadline=None)
@given(seeds, cells, st.tuples(*[st.floats(-50, 50)] * 3))
def test_a_translation_changes_no_pair(seed: int, cell: np.ndarray, shift: tuple[float, ...]) -> None:
    own = run(seed, cell)
    moved = replace(own, start=own.start + np.array(shift))
    assert_same(written(moved.images(12)), written(own.images(12)))


@settings(max_examples=15, deadline=None)
@given(seeds, cells)
def test_wrapping_changes_no_pair(seed: int, cell: np.ndarray) -> None:
    own = run(seed, cell)
    assert_same(written(own.images(12, wrapped=True)), written(own.images(12, wrapped=False)))


@settings(max_examples=15, deadline=None)
@given(seeds, cells, st.integers(0, 1000))
def test_a_rotation_turns_all_pairs(seed: int, cell: np.ndarray, turning: int) -> None:
    own = run(seed, cell)
    turn = np.linalg.qr(np.random.default_rng(turning).standard_normal((3, 3)))[0]
    images = own.images(12)
    for image in images:
        velocities = image.get_velocities() @ turn
        image.set_cell(image.cell @ turn)
        image.set_positions(image.positions @ turn)
        image.set_velocities(velocities)
    assert_same(written(images), written(own.images(12)), turn)


@settings(max_examples=15, deadline=None)
@given(
    seeds,
    cells,
    st.sampled_from(["real", "metal"]),
    st.sampled_from(["x y z", "xs ys zs", "xu yu zu", "x y z ix iy iz"]),
)
def test_units_columns_and_order_of_a_dump_change_no_pair(
    seed: int, cell: np.ndarray, units: str, columns: str
) -> None:
    own = run(seed, cell)
    text = dump(own, f"id element {columns} vx vy vz", units=units, frames=12)
    assert_same(dumped(text), written(own.images(12)))
