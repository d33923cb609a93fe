"""Leaving in time, and who may run the workflow in a folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from trajcast.core.errors import UserError
from trajcast.io import stopping
from trajcast.io.slurm_job import JobTimes
from trajcast.io.stopping import watched
from trajcast.pipeline.driver import take_over


def run_python(code: str, *arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_sigterm_is_a_reason_to_leave_and_a_second_one_ends_the_process() -> None:
    process = run_python(
        """
        import time
        from trajcast.io.stopping import watched
        with watched() as time_is_up:
            print(time_is_up(), flush=True)
            while time_is_up() is None:
                time.sleep(0.01)
            print(time_is_up(), flush=True)
            time.sleep(60)
        """
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "None\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "SIGTERM received\n"
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == -signal.SIGTERM


def test_sigterm_acts_as_before_once_the_work_is_done() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with watched():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_watching_works_in_any_thread() -> None:
    found: list[str | None] = ["unset"]

    def work() -> None:
        with watched() as time_is_up:
            found[0] = time_is_up()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [None]


@pytest.mark.parametrize(
    ("limit_s", "margin_s"), [(4 * 3600.0, 120.0), (1200.0, 120.0), (60.0, 6.0)], ids=["4 h", "20 min", "1 min"]
)
def test_time_is_up_two_minutes_or_a_tenth_of_the_job_before_its_end(
    limit_s: float, margin_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    for before_s, up in ((margin_s + 5, False), (margin_s - 1, True)):
        end = time.time() + before_s
        monkeypatch.setattr(stopping, "own_job_times", lambda end=end: JobTimes("17", end - limit_s, end))
        with watched() as time_is_up:
            assert time_is_up() == ("the time limit of Slurm job 17 is near" if up else None)


def test_one_run_of_the_workflow_in_a_folder_until_it_is_killed(tmp_path: Path) -> None:
    first = run_python(
        """
        import sys, time
        from pathlib import Path
        from trajcast.pipeline.driver import take_over
        take_over(Path(sys.argv[1]))
        print("running", flush=True)
        time.sleep(60)
        """,
        tmp_path,
    )
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "running\n"
        with pytest.raises(UserError, match="another snakemake is running in"):
            take_over(tmp_path)
    finally:
        os.kill(first.pid, signal.SIGKILL)
        first.communicate()
    take_over(tmp_path)
    with pytest.raises(UserError, match="another snakemake is running in"):
        take_over(tmp_path)  # held by this process now
