"""Names of potentials: a model such as `sevennet-0`, or FAMILY:PATH for a model file."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

from trajcast.core.errors import UserError
from trajcast.core.plugins import plugins

KEY = "reference.potential"


@dataclass(frozen=True, kw_only=True)
class Named:
    """Family and model of a potential's name."""

    family: ModuleType
    model: str  # its name in the library, or the path of a file
    file: str | None = None


def named(potential: str) -> Named:
    """Resolve a name such as `sevennet-0` or `file:my.pt2`.

    Raises:
        UserError: The name is unknown; the message lists all names.
    """
    families = plugins("reference.potentials")
    name, colon, path = potential.partition(":")
    if colon and name in families and families[name].OWN_FILES and path:
        return Named(family=families[name], model=path, file=path)
    for family in families.values():
        if potential in family.MODELS:
            return Named(family=family, model=family.MODELS[potential])
    names = [model for family in families.values() for model in family.MODELS]
    files = [f"{name}:PATH" for name, family in families.items() if family.OWN_FILES]
    raise UserError(
        f"{KEY}: {potential!r} is not known; choose one of: {', '.join(names)}, or a file: {', '.join(files)}"
    )
