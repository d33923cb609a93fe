"""Progress in a log file: plain lines."""

import pytest

import trajcast.io.progress
from trajcast.io.progress import progress


def test_lines_tell_counts_speed_and_time_left(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    clock = iter([0.0, 0.0, 4.0, 12.0, 12.0, 100.0])
    monkeypatch.setattr(trajcast.io.progress.time, "monotonic", lambda: next(clock))
    with progress("run", 1000, done=100) as advance:
        advance(200)  # 4 s: too soon for a line
        advance(160)  # 12 s
    assert capsys.readouterr().err.splitlines() == [
        "run: 100 of 1000 steps",
        "run: 460 of 1000 steps, 30 steps/s, 0:18 left",
        "run: 460 of 1000 steps, 3.6 steps/s, 2:30 left",
    ]


def test_nothing_goes_to_stdout(capsys: pytest.CaptureFixture[str]):
    with progress("run", 2, unit="frames") as advance:
        advance(2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith("run: 2 of 2 frames")
