"""The rollouts of a system: their names, models, horizons and settings, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from trajcast.config.configuration import read_config
from trajcast.config.schema import RunSettings, SystemSettings
from trajcast.config.validation import section_values
from trajcast.core.errors import UserError

CONFIG = Path(__file__).parents[2] / "config.yaml"
SHIPPED, OTHER = {"model": "water-5fs"}, {"model": "water-10fs"}
LEARNT = {"model": "learnt/water.safetensors", "horizon_fs": 5.0}


def liquid(runs: Any, interval_fs: float = 1.0, **changes: Any) -> SystemSettings:
    """The liquid of config.yaml without studies, with these rollouts and frames of the NVT run `interval_fs` apart."""
    values = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["systems"]["liquid"]
    values["reference"]["nvt"]["interval_fs"] = interval_fs
    values |= {"runs": runs, "studies": {}} | changes
    return read_config({"systems": {"liquid": values}}).kept["liquid"]


def test_without_any_there_is_one_of_each_trained_model() -> None:
    system = liquid({}, horizons_fs=[5.0, 1.0])
    assert system.rollouts == {"5fs": RunSettings(horizon_fs=5.0), "1fs": RunSettings(horizon_fs=1.0)}
    assert system.rollout_of("1fs") == system.rollout
    assert liquid({"gone": None}, horizons_fs=[2.0]).rollouts == {"2fs": RunSettings(horizon_fs=2.0)}


def test_null_takes_one_away() -> None:
    system = liquid({"kept": SHIPPED, "gone": None})
    assert list(system.rollouts) == ["kept"]
    assert list(section_values(system)["runs"]) == ["kept", "gone"]  # as the file has it


def test_a_system_can_be_taken_away_too() -> None:
    values = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    values["systems"]["crystal"] = None
    assert list(read_config(values).kept) == ["liquid", "molecule"]
    with pytest.raises(UserError, match=r"config.yaml: .*systems: none is left; add one"):
        read_config({"systems": {"liquid": None}})


def test_a_shipped_model_tells_its_horizon() -> None:
    system = liquid({"a": SHIPPED, "b": SHIPPED | {"horizon_fs": 5.0}, "c": {"horizon_fs": 2.0}, "d": LEARNT})
    assert [system.horizon_of(run) for run in system.rollouts] == [5.0, 5.0, 2.0, 5.0]


def test_horizons_are_those_of_training_and_of_the_runs() -> None:
    system = liquid({"a": OTHER, "b": {"horizon_fs": 2.0}}, horizons_fs=[5.0, 1.0])
    assert system.all_horizons_fs == [1.0, 2.0, 5.0, 10.0]
    assert liquid({"a": SHIPPED}, horizons_fs=[]).all_horizons_fs == [5.0]


def test_changes_are_laid_over_the_rollout_section() -> None:
    changes = {"duration_ps": 20.0, "guard": {"max_temperature_K": 500.0}, "supercell": [1, 2, 1]}
    system = liquid({"plain": SHIPPED, "changed": SHIPPED | {"rollout": changes}})
    base = section_values(system.rollout)
    assert section_values(system.rollout_of("plain")) == base
    guard = base["guard"] | {"max_temperature_K": 500.0}
    assert section_values(system.rollout_of("changed")) == base | changes | {"guard": guard}


def test_a_change_to_null_is_one() -> None:
    system = liquid({"nve": SHIPPED | {"rollout": {"thermostat": None}}})
    assert (system.rollout.thermostat, system.rollout_of("nve").thermostat) == ("csvr_elements", None)


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (
            {"a": {"model": "water"}},
            "runs.a.model: 'water' is neither a shipped model (paracetamol-7fs, quartz-30fs, water-10",
        ),
        ({"a": {"model": "w.pt", "horizon_fs": 5.0}}, "runs.a.model: 'w.pt' is neither a shipped model"),
        (
            {"a": SHIPPED | {"horizon_fs": 2.0}},
            "runs.a.horizon_fs 2 is not that of water-5fs, 5; correct it or leave it out",
        ),
        ({"a": {}}, "runs.a.horizon_fs: missing; add it, as 'trained' is not a shipped model"),
        (
            {"a": {"model": "w.safetensors"}},
            "runs.a.horizon_fs: missing; add it, as 'w.safetensors' is not a shipped model",
        ),
        ({"a": {"horizon_fs": 2.5}}, "runs.a.horizon_fs 2.5 is not a multiple of reference.nve.interval_fs 1"),
        (
            {"a": {"horizon_fs": 7.0}},
            "the frame spacing (fs) of rollout a, 7 is not a multiple of reference.nvt.interval_fs 5",
        ),
        ({"a": {"horizon_fs": 0.0}}, "runs.a.horizon_fs: 0.0 is wrong: input should be greater than 0"),
        ({"a": SHIPPED | {"modell": 1}}, "runs.a.modell: unknown key (value 1)"),
        ({"a": SHIPPED | {"rollout": {"seeed": 1}}}, "runs.a.rollout: seeed: unknown key (value 1)"),
        ({"a": SHIPPED | {"rollout": {"guard": {"hot": 1}}}}, "runs.a.rollout: guard.hot: unknown key (value 1)"),
        ({"a": SHIPPED | {"rollout": {"seed": 0}}}, "runs.a.rollout: seed: 0 is wrong"),
        (
            {"a": SHIPPED | {"rollout": {"thermostat": "nose"}}},
            "runs.a.rollout.thermostat: 'nose' is not known; choose",
        ),
        (
            {"a": SHIPPED | {"rollout": {"final_temperature_K": 180.0}}},
            "runs.a.rollout.final_temperature_K 180 does not belong here",
        ),
        (
            {"a": SHIPPED | {"rollout": {"duration_ps": 20.001}}},
            "runs.a.rollout.duration_ps in fs 20001 is not a multiple of the horizon 5",
        ),
        ({"a": SHIPPED | {"rollout": {"frame_every": 0}}}, "runs.a.rollout: frame_every: 0 is wrong"),
        ({"a b": SHIPPED}, "should match pattern"),
        ({"../a": SHIPPED}, "should match pattern"),
        ({".a": SHIPPED}, "should match pattern"),
        ({"": SHIPPED}, "should match pattern"),
        ({1: SHIPPED}, "runs.1"),
        (["water-5fs"], "runs: ['water-5fs'] is wrong: input should be a valid dictionary"),
    ],
)
def test_mistakes_are_named(runs: Any, said: str) -> None:
    with pytest.raises(UserError) as caught:
        liquid(runs, interval_fs=5.0)
    assert str(caught.value).startswith("config.yaml: systems.liquid")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_frames_that_are_kept_must_be_frames_of_the_reference() -> None:
    every_fifth = {"horizon_fs": 1.0, "rollout": {"frame_every": 5}}
    assert liquid({"a": every_fifth}, interval_fs=5.0).rollout_of("a").frame_every == 5


def test_a_system_needs_a_horizon() -> None:
    for runs in ({}, {"gone": None}):
        with pytest.raises(UserError, match="neither horizons_fs nor runs names a horizon; give one of the two"):
            liquid(runs, horizons_fs=[])


def test_two_files_of_one_name_would_share_a_folder() -> None:
    """At one horizon; a file called like a shipped model, too. One file may serve two rollouts."""
    twin = LEARNT | {"model": "others/water.safetensors"}
    assert list(liquid({"a": LEARNT, "b": LEARNT, "c": twin | {"horizon_fs": 10.0}}).rollouts) == ["a", "b", "c"]
    with pytest.raises(UserError, match=r"runs.b.model: others/water.safetensors and learnt/water.safetensors would"):
        liquid({"a": LEARNT, "b": twin})
    with pytest.raises(UserError, match=r"mine/water-5fs.safetensors and water-5fs would share one folder; rename"):
        liquid({"a": SHIPPED, "b": LEARNT | {"model": "mine/water-5fs.safetensors"}})


@pytest.mark.parametrize("stem", ["n40-s1", "with space", "wässer", "a,b"])
def test_a_file_gives_its_models_folder_a_name(stem: str) -> None:
    with pytest.raises(UserError, match=f"runs.a.model: '{stem}' becomes a folder name"):
        liquid({"a": LEARNT | {"model": f"learnt/{stem}.safetensors"}})
    assert liquid({"a": LEARNT | {"model": "learnt/n40-s1.b.safetensors"}}).rollouts
