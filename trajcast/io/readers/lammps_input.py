"""A user's LAMMPS input as text: the commands of a force field around the line that reads the atoms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trajcast.core.errors import UserError

STYLES = ("pair", "bond", "angle", "dihedral", "improper", "kspace")
COMMANDS = {
    *("plugin", "package", "suffix"),  # pair styles of one's own build, and where they compute
    *("units", "atom_style", "atom_modify", "boundary", "newton"),
    *("labelmap", "mass", "set", "group", "variable"),
    *(f"{kind}_{word}" for kind in STYLES for word in ("style", "coeff", "modify")),
    *("special_bonds", "dielectric", "neighbor", "neigh_modify", "comm_modify", "comm_style"),
}
RIGID = ("shake", "rattle")
CHARGE_FIXES = ("qeq/", "acks2/")  # beginnings of the styles of fixes that belong to a force field


@dataclass(frozen=True)
class Line:
    """One command, and where it stands."""

    words: list[str]
    text: str
    file: Path
    number: int

    @property
    def place(self) -> str:
        return f"{self.file}, line {self.number}"


@dataclass(frozen=True)
class ForceField:
    """The commands before the line `read_data`, the file named there, and the commands after it."""

    file: str  # the input itself
    before: str
    data_file: Path
    after: str


def read_input(path: str) -> ForceField:
    """The force field of a LAMMPS input; includes are filled in.

    Raises UserError where a file is missing, where there is not exactly one `read_data`, and where a command does
    something else than define a force field.
    """
    lines = list(_lines(Path(path)))
    reads = [i for i, line in enumerate(lines) if line.words[0] == "read_data"]
    if len(reads) != 1:
        raise UserError(
            f"{path}: {len(reads)} lines with read_data; exactly one must stand where your force field needs the atoms"
        )
    read = lines[reads[0]]
    if len(read.words) != 2:
        raise UserError(f"{read.place}: '{read.text}' is wrong; write read_data and the name of one file, nothing else")
    data_file = Path(read.words[1].strip("\"'"))
    if not data_file.is_file():
        raise UserError(f"{read.place}: {data_file}: no such file; give its path from the folder you start from")
    others = lines[: reads[0]] + lines[reads[0] + 1 :]
    for line in others:
        _check(line)
    before, after = ("".join(f"{line.text}\n" for line in part) for part in (lines[: reads[0]], lines[reads[0] + 1 :]))
    return ForceField(path, before, data_file, after)


def named_files(path: str) -> list[str]:
    """The input, the data file, and every other file that is there and named: includes, tables of potentials."""
    names = [path]
    for line in _lines(Path(path)):
        words = [word.strip("\"'") for word in line.words[1:]]
        names += [str(line.file), *(w for w in words if line.words[0] == "read_data" or Path(w).is_file())]
    return list(dict.fromkeys(names))


def _check(line: Line) -> None:
    if line.words[0] == "fix" and len(line.words) > 3 and line.words[3].startswith(CHARGE_FIXES):
        return
    if line.words[0] == "fix" and len(line.words) > 3 and line.words[3] in RIGID:
        raise UserError(
            f"{line.place}: '{line.text}' holds bonds rigid, which is not possible here; take a flexible force field"
        )
    if line.words[0] not in COMMANDS:
        raise UserError(
            f"{line.place}: '{line.text}' does not define a force field; remove it. Time step, minimisation, "
            "thermostats, runs and output are settings of the configuration"
        )


def without_comment(line: str) -> str:
    """A line up to `#`, which within quotes is no comment (docs.lammps.org/Commands_parse.html)."""
    quote = ""
    for place, letter in enumerate(line):
        if letter == "#" and not quote:
            return line[:place].rstrip()
        if letter in "\"'" and quote in ("", letter):
            quote = "" if quote else letter
    return line.rstrip()


def _lines(path: Path, within: tuple[Path, ...] = ()) -> Iterator[Line]:
    """Commands without comments, continued lines joined, includes filled in."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; give its path from the folder you start from") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable LAMMPS input: {error}; save it as UTF-8") from None
    begun = ""
    for number, raw in enumerate(text.splitlines(), 1):
        begun += raw.rstrip()
        if begun.endswith("&"):  # LAMMPS looks for it before it takes comments away
            begun = begun[:-1]
            continue
        whole = without_comment(begun)
        if '"""' in whole:
            raise UserError(f"{path}, line {number}: triple quotes are not known here; write the command in one line")
        line = Line(whole.split(), whole.strip(), path, number)
        begun = ""
        if line.words[:1] == ["include"] and len(line.words) == 2:
            other = Path(line.words[1].strip("\"'"))
            if other in (path, *within):
                raise UserError(f"{line.place}: {other} includes itself; remove the line")
            yield from _lines(other, (path, *within))
        elif line.words:
            yield line
