"""What a process tells of its work while it goes on."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from trajcast.core.errors import UserError
from trajcast.io import heartbeat as running
from trajcast.io.heartbeat import heartbeat, record_path, update_heartbeat
from trajcast.io.locks import exclusive_lock
from trajcast.io.progress import progress


def read(output: Path) -> dict:
    return json.loads(record_path(output).read_text(encoding="utf-8"))


def test_it_says_where_and_how_far_while_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SIGN_EVERY_S", 0.02)
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    output = tmp_path / "new" / "run.h5md"
    with exclusive_lock(output), progress("run", 100, done=40) as advance:
        first = read(output)
        advance(20)
        deadline = time.monotonic() + 10
        while read(output).get("done") != 60 and time.monotonic() < deadline:
            time.sleep(0.01)
        later = read(output)
    assert (first["node"], first["process"], first["slurm_job"]) == (platform.node(), os.getpid(), "17")
    assert (later["label"], later["first"], later["done"], later["total"]) == ("run", 40, 60, 100)
    assert later["started"] == first["started"] < later["updated"]
    assert not record_path(output).exists()


def test_an_error_stays_to_be_read(tmp_path: Path) -> None:
    output = tmp_path / "run.h5md"

    def break_off() -> None:
        with heartbeat(output):
            update_heartbeat(done=3)
            raise UserError("atoms\n  overlap")

    with pytest.raises(UserError, match="overlap"):
        break_off()
    assert (read(output)["error"], read(output)["done"]) == ("atoms overlap", 3)
    with heartbeat(output):
        assert "error" not in read(output)


def test_kill_9_leaves_the_last_sign_of_life(tmp_path: Path) -> None:
    code = """
        import os, signal, sys
        from pathlib import Path
        from trajcast.io.heartbeat import heartbeat
        with heartbeat(Path(sys.argv[1])):
            os.kill(os.getpid(), signal.SIGKILL)
        """
    output = tmp_path / "run.h5md"
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(output)])
    assert killed.returncode == -signal.SIGKILL
    assert "error" not in read(output)
    assert read(output)["updated"] <= time.time()


def test_work_that_has_no_output_tells_nothing(tmp_path: Path) -> None:
    update_heartbeat(done=1)
    with progress("run", 2) as advance:
        advance(2)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_left_to_the_work_itself(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way of a folder of this name")
    with heartbeat(blocked / "run.h5md"):
        update_heartbeat(done=1)
    assert blocked.read_text() == "in the way of a folder of this name"
