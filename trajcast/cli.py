"""The command line: `trajcast COMMAND …`, with one module of `trajcast/commands/` per command."""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import logging
import os
import pkgutil
import signal
import sys
from collections.abc import Sequence

from trajcast import commands
from trajcast.config.former import former_command
from trajcast.core.errors import UserError
from trajcast.core.version import __version__
from trajcast.io.path_checks import check_paths
from trajcast.io.stopping import Stopped

NAMES = (errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP)
USERS = (*NAMES, errno.EACCES, errno.EPERM)
"""System errors that a user can correct: a wrong name, missing permissions."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; a user error gives one line on stderr and exit code 2, never a traceback.

    Exit code 75 means that the command was interrupted, saved its work and can resume.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words and (now := former_command(words[0])) is not None:
        print(f"trajcast {words[0]}: error: {now}", file=sys.stderr)
        return 2
    names = sorted(module.name for module in pkgutil.iter_modules(commands.__path__) if module.name[0] != "_")
    parser = argparse.ArgumentParser(prog="trajcast", description="Force-free molecular dynamics.")
    parser.add_argument("--version", action="version", version=f"trajcast {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in names:
        module = importlib.import_module(f"trajcast.commands.{name}")
        text = module.__doc__ or name
        subparser = subparsers.add_parser(
            name,
            help=text.splitlines()[0].replace("%", "%%"),
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    arguments = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("MDAnalysis").setLevel(logging.ERROR)  # it logs every step of every function

    def fail(message: object, code: int) -> int:
        kind = "error" if code == 2 else "failure"  # trajcast.pipeline.attempts distinguishes them
        print(f"trajcast {arguments.command}: {kind}: {' '.join(str(message).split())}", file=sys.stderr)
        return code

    try:
        check_paths(arguments)
        arguments.run(arguments)
    except UserError as error:
        return fail(error, 2)
    except BrokenPipeError:
        raise
    except MemoryError as error:
        return fail(
            f"not enough memory ({error}); use fewer atoms, frames or neighbours, or a machine with more memory", 1
        )
    except OSError as error:
        return fail(error, 2 if error.errno in USERS else 1)
    except Stopped as stop:
        print(f"trajcast {arguments.command}: {stop}; run the same command again to resume", file=sys.stderr)
        return os.EX_TEMPFAIL
    except KeyboardInterrupt:
        print(f"trajcast {arguments.command}: interrupted; run the same command again to resume", file=sys.stderr)
        return 130
    return 0


def entry() -> None:
    """Entry point of the `trajcast` script; silent if the reader of its output (`| head`) has closed the pipe."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # ASCII and Latin-1 lack Å or ✓
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # inherited as ignored from the shells of the rules
    try:
        try:
            code: str | int | None = main()
        except SystemExit as stop:
            code = stop.code
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # otherwise Python reports an error when closing stdout
        code = 1
    sys.exit(code)
