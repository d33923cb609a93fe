"""The command line: `trajcast STAGE …`, one file of `trajcast/commands/` per stage."""

from __future__ import annotations

import argparse
import importlib
import logging
import pkgutil
import sys
from collections.abc import Sequence

from trajcast import __version__, commands
from trajcast.errors import UserError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; a user's mistake ends in one line on stderr and exit code 2, never in a traceback."""
    names = sorted(module.name for module in pkgutil.iter_modules(commands.__path__))
    parser = argparse.ArgumentParser(prog="trajcast", description="Force-free molecular dynamics.")
    parser.add_argument("--version", action="version", version=f"trajcast {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in names:
        module = importlib.import_module(f"trajcast.commands.{name}")
        subparser = subparsers.add_parser(name, help=module.__doc__.splitlines()[0], description=module.__doc__)
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        arguments.run(arguments)
    except UserError as error:
        print(f"trajcast {arguments.command}: error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"trajcast {arguments.command}: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"trajcast {arguments.command}: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    return 0


def entry() -> None:
    """Entry point of the `trajcast` script."""
    sys.exit(main())
