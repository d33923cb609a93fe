"""`trajcast status` and `trajcast log` in the folder of a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from project import PAGE

from trajcast import cli

pytestmark = [pytest.mark.slow, pytest.mark.workflow]
TEST = ["--configfile", "config/test.yaml"]


def test_what_remains_is_known_and_models_are_shown(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(results)
    (results / PAGE).unlink()
    assert cli.main(["status", *TEST, "--output", "status.html", "--", PAGE]) == 0
    shown = capsys.readouterr().out
    lines = {line.split()[0]: line.split() for line in shown.splitlines() if line.split()}
    done, running, stopped, failed, waiting = lines["all"][1:]
    assert int(done) == 19  # 9 of reference MD, 5 at each of two horizons
    assert (running, stopped, failed, waiting) == ("0", "0", "0", "1")
    rows = [line.split() for line in shown.splitlines()]
    rolled_out = [row for row in rows if row[:2] == ["liquid", "rollout"]]
    assert [row[2] for row in rolled_out] == ["1fs", "2fs"]
    assert all("0.0004" in row for row in rolled_out)  # ns planned
    models = [line.split() for line in shown.splitlines() if "model-n40-s1" in line]
    assert [row[:3] for row in models] == [["liquid", "model-n40-s1", "1"], ["liquid", "model-n40-s1", "2"]]
    assert "model-n40-s1" in (results / "status.html").read_text(encoding="utf-8")


def test_a_log_is_found_in_one_step(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(results)
    assert cli.main(["log", "train", "system=liquid", "horizon=2", "samples=40", "--lines", "1", *TEST]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "==> logs/liquid/2fs/model-n40-s1/train.log <=="
    assert shown[1].startswith("training at 2 fs: reached max_epochs")
    assert cli.main(["log", "rollout", "run=2fs", "--lines", "1", *TEST]) == 0
    assert capsys.readouterr().out.startswith("==> logs/liquid/runs/2fs/rollout.log <==")
    assert cli.main(["log", "nve", "system=crystal", *TEST]) == 2
    assert "has begun: there is no logs/crystal/reference/nve_1.log" in capsys.readouterr().err
