"""The lists of docs/formats.md, from the cases: python tests/bad_inputs/formats.py writes them."""

from __future__ import annotations

from pathlib import Path

import conftest  # noqa: F401  (the cases)
from case import CASES

from trajcast.data.checks import CHECKS

PAGE = Path(__file__).parents[2] / "docs/formats.md"
MARK = "<!-- from here on: tests/bad_inputs/formats.py -->\n"


def lists() -> str:
    """Limits of the checks, and of each kind of input what is read and what is refused."""
    lines = ["## Limits of the checks", "", "| check | limit | why |", "|---|---|---|"]
    lines += [f"| `{name}` | {check.limit:g} | {check.reason} |" for name, check in CHECKS.items()]
    lines += ["", "## Tested inputs", "", "Each line is a test: read right, or refused with one message.", ""]
    for kind in sorted({case.kind for case in CASES}, key=str.casefold):
        lines += [f"### {kind[:1].upper()}{kind[1:]}", ""]
        for name, refused in (("Read", False), ("Refused", True)):
            found = [
                case.what.replace("|", "\\|") for case in CASES if case.kind == kind and bool(case.refused) == refused
            ]
            if found:
                lines += [f"**{name}:** {'; '.join(found)}.", ""]
    return "\n".join(lines).rstrip() + "\n"


def page() -> str:
    """The page with its lists as they are now."""
    return PAGE.read_text(encoding="utf-8").split(MARK)[0] + MARK + "\n" + lists()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
