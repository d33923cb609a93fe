"""On the module path, it leaves importable only what the core of the package needs.

Python runs it at start-up, also in processes that a test's process starts.
"""

import re
import sys
from importlib import metadata

CORE = ("torch", "e3nn", "numpy", "scipy", "h5py", "safetensors", "ruamel-yaml")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required(name: str, found: set[str]) -> None:
    """Add a package and all that it requires to `found`."""
    if name in found:
        return
    found.add(name)
    for line in metadata.requires(name) or []:
        if "extra ==" not in line:
            try:
                required(normal(re.match(r"[\w.-]+", line)[0]), found)
            except metadata.PackageNotFoundError:  # for another platform
                continue


class OnlyAllowed:
    """A finder that sees other packages as if they were not installed."""

    def __init__(self, finder: object, refused: set[str]):
        self.finder, self.refused = finder, refused

    def __getattr__(self, name: str) -> object:
        return getattr(self.finder, name)

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        return None if name.partition(".")[0] in self.refused else self.finder.find_spec(name, path, target)


allowed = {"trajcast"}
for core in CORE:
    required(core, allowed)
refused = {
    module
    for module, packages in metadata.packages_distributions().items()
    if not {normal(package) for package in packages} & allowed
}
sys.meta_path[:] = [OnlyAllowed(finder, refused) for finder in sys.meta_path]
