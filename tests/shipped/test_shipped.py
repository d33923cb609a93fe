"""Shipped models: what their records and pages tell, and how commands find them by name."""

from __future__ import annotations

import argparse
import hashlib
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trajcast import cli, shipped
from trajcast.commands._rollout import add_model_arguments, model_of
from trajcast.core.errors import UserError
from trajcast.core.plugins import named_module
from trajcast.model.store import load_model, read_record, save_model

NAMES = ("paracetamol-7fs", "quartz-30fs", "water-10fs", "water-5fs")
LARGEST_PAIRS = 10**6  # bytes


def test_all_are_there() -> None:
    assert tuple(shipped.names()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_records_and_pages_tell_what_is_needed(name: str) -> None:
    record, card = shipped.record(name), shipped.card(name)
    assert record["name"] == name
    assert record["licence"] == "Apache-2.0"
    assert "arXiv:2503.23794" in " ".join(record["cite"])
    assert record["experimental"] == (name == "water-10fs")
    assert hasattr(named_module("rollout.rules.thermostats", record["thermostat"]["name"]), "apply")
    assert f"`thermostat: {record['thermostat']['name']}`" in card
    assert f"`tau_horizons: {record['thermostat']['tau_horizons']:g}`" in card
    assert f"{record['training']['test']['velocity_mae_percent']:.2f} |" in card
    assert name.endswith(f"-{record['horizon_fs']:g}fs")


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_whole_and_small_files_small(name: str) -> None:
    record, model = shipped.record(name), load_model(shipped.resolve(name))
    assert hashlib.sha256(shipped.resolve(name).read_bytes()).hexdigest() == record["sha256"]
    assert sum(p.numel() for p in model.parameters()) == record["parameters"]
    assert shipped.pairs_file(name).stat().st_size < LARGEST_PAIRS


def test_a_name_a_path_and_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shipped.resolve("water-5fs") == shipped.MODELS / "water-5fs" / "model.safetensors"
    for path in ("mine.safetensors", "models/mine", "./water"):
        assert shipped.resolve(path) == Path(path)
    (tmp_path / "mine").touch()
    assert shipped.resolve("mine") == Path("mine")
    (tmp_path / "water-5fs").touch()
    assert shipped.resolve("water-5fs").is_absolute()
    for function in (shipped.resolve, shipped.record, shipped.card, shipped.pairs_file):
        with pytest.raises(UserError, match=f"'water' is (not|neither) a shipped model.*{', '.join(NAMES)}"):
            function("water")
    with pytest.raises(UserError, match=r"path of a \.safetensors file"):
        shipped.resolve("water")


def test_reading_them_does_not_load_torch() -> None:
    code = "import sys; from trajcast import shipped; shipped.record(shipped.names()[0]); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_the_command_lists_them_and_shows_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows if row[1:2].strip()] == ["name", *NAMES]
    [water] = [row for row in rows if row.split()[0] == "water-10fs"]
    assert water.split()[-6:] == ["10", "2590280", "3.87", "langevin", "10", "experimental"]
    assert cli.main(["models", "water-5fs"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("# water-5fs\n")
    assert shown.endswith(f"Files: {shipped.MODELS / 'water-5fs'}\n")
    assert cli.main(["models", "water"]) == 2
    assert "'water' is not a shipped model" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["evaluate", "rollout", "pretrained", "same_start", "speed", "thermostat"])
def test_commands_take_a_name_and_refuse_a_wrong_one(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--model", "water"])
    assert stop.value.code == 2
    assert f"--model: 'water' is neither a shipped model ({', '.join(NAMES)})" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main([command, "--model", "water-5fs"])
    assert "shipped" not in capsys.readouterr().err  # it misses other arguments only


def test_a_copy_in_the_place_of_training(tmp_path: Path) -> None:
    arguments = ["pretrained", "--model", "water-10fs", "--horizon-fs", "10", "--output", str(tmp_path)]
    assert cli.main(arguments) == 0
    assert read_record(tmp_path / "model.json") == shipped.record("water-10fs")
    load_model(tmp_path / "model.safetensors")


def test_damaged_weights_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(shipped.resolve("water-5fs").parent, folder)
    with open(folder / "model.safetensors", "r+b") as handle:
        handle.seek(-1, 2)
        last = handle.read(1)
        handle.seek(-1, 2)
        handle.write(bytes([last[0] ^ 1]))
    weights = folder / "model.safetensors"
    arguments = ["pretrained", "--model", str(weights), "--horizon-fs", "5", "--output", str(tmp_path / "used")]
    assert cli.main(arguments) == 2
    assert f"{weights}: damaged weights, or weights that do not match its .json" in capsys.readouterr().err
    assert not (tmp_path / "used").exists()


def warned(model: str, caplog: pytest.LogCaptureFixture) -> list[str]:
    parser = argparse.ArgumentParser()
    add_model_arguments(parser)
    with caplog.at_level(logging.WARNING):
        model_of(parser.parse_args(["--model", model]))
    return caplog.messages


def test_an_experiment_is_called_one(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    assert warned("water-5fs", caplog) == []
    save_model(tmp_path / "own.safetensors", load_model(shipped.resolve("water-5fs")))
    assert warned(str(tmp_path / "own.safetensors"), caplog) == []
    [message] = warned("water-10fs", caplog)
    assert message == (
        "water-10fs is experimental and intended for thermostat langevin, tau_horizons 10; "
        "`trajcast models water-10fs` describes its limits"
    )
