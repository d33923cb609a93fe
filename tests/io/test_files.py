"""Files appear whole or not at all, and have one writer."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from trajcast.io.files import atomic_write, fingerprint, write_json, write_text
from trajcast.io.locks import exclusive_lock


def run_python(code: str, *arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_file_appears_with_its_folder(tmp_path):
    write_text(tmp_path / "new" / "file.txt", "Å\n")
    assert (tmp_path / "new" / "file.txt").read_text(encoding="utf-8") == "Å\n"
    assert os.listdir(tmp_path / "new") == ["file.txt"]


def test_the_file_is_not_there_before_it_is_whole(tmp_path):
    with atomic_write(tmp_path / "file") as aside:
        aside.write_text("half")
        assert not (tmp_path / "file").exists()
    assert (tmp_path / "file").read_text() == "half"


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "file").write_text("old")

    def break_off():
        with atomic_write(tmp_path / "file") as aside:
            aside.write_text("new")
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        break_off()
    assert (tmp_path / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_kill_9_leaves_the_old_file_and_at_most_a_hidden_part(tmp_path):
    (tmp_path / "file").write_text("old")
    process = run_python(
        """
        import os, signal, sys
        from trajcast.io.files import atomic_write
        with atomic_write(sys.argv[1]) as aside:
            aside.write_text("new")
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        tmp_path / "file",
    )
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert (tmp_path / "file").read_text() == "old"
    assert [name for name in os.listdir(tmp_path) if not name.startswith(".")] == ["file"]
    write_text(tmp_path / "file", "again")
    assert (tmp_path / "file").read_text() == "again"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1.0, {"x": float("-inf")}]])
def test_json_has_no_numbers_that_json_does_not_know(tmp_path, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "file.json", {"value": value})
    assert os.listdir(tmp_path) == []


def test_fingerprint_sees_values_not_the_order_of_keys():
    assert fingerprint({"a": 1, "b": [2.0, {"c": 3, "d": 4}]}) == fingerprint({"b": [2.0, {"d": 4, "c": 3}], "a": 1})
    different = [{"a": 1}, {"a": 2}, {"b": 1}, {"a": [1]}, {"a": "1"}, {"a": {"a": 1}}]
    assert len({fingerprint(value) for value in different}) == len(different)
    assert fingerprint({"a": 1}, {"b": 1}) != fingerprint({"a": 1, "b": 1})


def test_a_second_writer_waits_until_the_first_is_killed(tmp_path):
    script = """
        import sys, time
        from trajcast.io.locks import exclusive_lock
        with exclusive_lock(sys.argv[1]):
            print("held", flush=True)
            time.sleep(float(sys.argv[2]))
        """
    first = run_python(script, tmp_path / "file", "60")
    assert first.stdout.readline() == "held\n"
    second = run_python(script, tmp_path / "file", "0")
    try:
        assert "being written by another process; waiting" in second.stderr.readline()
        time.sleep(1.0)
        assert second.poll() is None
    finally:
        first.kill()
        first.communicate()
        output, _ = second.communicate(timeout=30)
    assert output == "held\n"
    assert second.returncode == 0


def test_the_lock_is_freed_after_an_error(tmp_path):
    with pytest.raises(RuntimeError), exclusive_lock(tmp_path / "file"):
        raise RuntimeError
    with exclusive_lock(tmp_path / "file"):
        pass
