"""Parser for a user's LAMMPS input, which defines a force field around one `read_data` command."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trajcast.core.errors import UserError

STYLES = ("pair", "bond", "angle", "dihedral", "improper", "kspace")
COMMANDS = {
    *("plugin", "package", "suffix"),  # pair styles of the user's own build, and their hardware
    *("units", "atom_style", "atom_modify", "boundary", "newton"),
    *("labelmap", "mass", "set", "group", "variable"),
    *(f"{kind}_{word}" for kind in STYLES for word in ("style", "coeff", "modify")),
    *("special_bonds", "dielectric", "neighbor", "neigh_modify", "comm_modify", "comm_style"),
}
RIGID = ("shake", "rattle")  # fix styles that constrain bonds
CHARGE_FIXES = ("qeq/", "acks2/")  # prefixes of fix styles that belong to a force field


@dataclass(frozen=True)
class Line:
    """One command and its location."""

    words: list[str]
    text: str
    file: Path
    number: int

    @property
    def place(self) -> str:
        return f"{self.file}, line {self.number}"


@dataclass(frozen=True)
class ForceField:
    """The commands before and after `read_data`, and the data file that it names."""

    file: str  # path of the input
    before: str
    data_file: Path
    after: str


def read_input(path: str) -> ForceField:
    """Read the force field of a LAMMPS input and of the files that it includes.

    Raises:
        UserError: If a file is missing, if there is not exactly one `read_data`, or if a command does not belong to the
            definition of a force field.
    """
    lines = list(_lines(Path(path)))
    reads = [i for i, line in enumerate(lines) if line.words[0] == "read_data"]
    if len(reads) != 1:
        raise UserError(
            f"{path}: {len(reads)} lines with read_data; exactly one is required, at the point where your force "
            "field needs the atoms"
        )
    read = lines[reads[0]]
    if len(read.words) != 2:
        raise UserError(
            f"{read.place}: '{read.text}' is invalid; write read_data and the name of one file, nothing else"
        )
    data_file = Path(read.words[1].strip("\"'"))
    if not data_file.is_file():
        raise UserError(f"{read.place}: {data_file}: no such file; give its path relative to the working directory")
    others = lines[: reads[0]] + lines[reads[0] + 1 :]
    for line in others:
        _check(line)
    before, after = ("".join(f"{line.text}\n" for line in part) for part in (lines[: reads[0]], lines[reads[0] + 1 :]))
    return ForceField(path, before, data_file, after)


def named_files(path: str) -> list[str]:
    """Names of the input, the data file, and all other existing files in commands: includes, potential tables."""
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
            f"{line.place}: '{line.text}' constrains bonds, which is not supported; use a flexible force field"
        )
    if line.words[0] not in COMMANDS:
        raise UserError(
            f"{line.place}: '{line.text}' does not define a force field; remove it. Timestep, minimisation, "
            "thermostats, runs and output are settings of the configuration"
        )


def without_comment(line: str) -> str:
    """Strip the comment, from the first `#` outside quotes (https://docs.lammps.org/Commands_parse.html)."""
    quote = ""
    for place, letter in enumerate(line):
        if letter == "#" and not quote:
            return line[:place].rstrip()
        if letter in "\"'" and quote in ("", letter):
            quote = "" if quote else letter
    return line.rstrip()


def _lines(path: Path, within: tuple[Path, ...] = ()) -> Iterator[Line]:
    """Yield commands without comments, with continued lines joined and included files inserted."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; give its path relative to the working directory") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable LAMMPS input: {error}; save it as UTF-8") from None
    command = ""
    for number, raw in enumerate(text.splitlines(), 1):
        command += raw.rstrip()
        if command.endswith("&"):  # LAMMPS joins lines before it strips comments
            command = command[:-1]
            continue
        whole = without_comment(command)
        if '"""' in whole:
            raise UserError(f"{path}, line {number}: triple quotes are not supported; write the command on one line")
        line = Line(whole.split(), whole.strip(), path, number)
        command = ""
        if line.words[:1] == ["include"] and len(line.words) == 2:
            included = Path(line.words[1].strip("\"'"))
            if included in (path, *within):
                raise UserError(f"{line.place}: {included} includes itself; remove the line")
            yield from _lines(included, (path, *within))
        elif line.words:
            yield line
