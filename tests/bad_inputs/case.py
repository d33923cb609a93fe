"""Cases: one wrong or strange input each, with what must come of it. docs/formats.md is made from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from world import World


@dataclass(frozen=True)
class Case:
    """`make` prepares the input in a world and returns the command line."""

    kind: str  # of input, a heading of docs/formats.md
    what: str
    refused: tuple[str, ...]  # parts of the one message; none where the right values must come
    make: Callable[[World], list[str]]

    @property
    def name(self) -> str:
        return f"{self.kind}: {self.what}".replace("/", " per ")


CASES: list[Case] = []
Maker = Callable[[World], list[str]]


def right(kind: str, what: str) -> Callable[[Maker], Maker]:
    """The input is read as what it is."""
    return lambda make: _add(Case(kind, what, (), make))


def refused(kind: str, what: str, *parts: str) -> Callable[[Maker], Maker]:
    """The input is refused in one message with these parts."""
    assert parts
    return lambda make: _add(Case(kind, what, parts, make))


def _add(case: Case) -> Maker:
    CASES.append(case)
    return case.make
