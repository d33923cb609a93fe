"""`trajcast config upgrade` changes the names of 0.1.0 and nothing else, whatever YAML allows."""

from __future__ import annotations

import copy
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from trajcast.config.configuration import read_config
from trajcast.config.files import Layers, parse_yaml, read_yaml
from trajcast.config.upgrade_file import upgrade_file
from trajcast.config.validation import validate
from trajcast.core.errors import UserError

ROOT = Path(__file__).parents[2]
OLD = ROOT / "tests/data/0.1.0"
RELEASE = "235c9b5"  # the commit of 0.1.0
OVERLAYS = ("test", "paper", "figures", "water-10fs", "water-350K")
EXAMPLES = ("argon", "copper", "paracetamol_xtb", "silicon")


def upgraded(tmp_path: Path, text: str) -> str:
    """The upgraded text: it means the same, and a second upgrade changes nothing."""
    path = tmp_path / "mine.yaml"
    path.write_bytes(text.encode())
    assert upgrade_file(path)
    new = path.read_bytes().decode()
    assert read_yaml(path) == by_hand(parse_yaml(text, ""))
    assert upgrade_file(path) == []
    assert path.read_bytes().decode() == new
    return new


def renamed(section: Any, names: dict[str, str]) -> Any:
    return {names.get(key, key): value for key, value in section.items()} if isinstance(section, dict) else section


def rollout(block: Any) -> Any:
    block = renamed(block, {"forecast": "rollout"})
    if isinstance(block, dict) and "rollout" in block:
        block["rollout"] = renamed(block["rollout"], {"zero_momenta_every": "remove_com_motion_every"})
    return block


def system(old: Any) -> Any:
    if not isinstance(old, dict):
        return old
    new = rollout(old)
    if isinstance(new.get("runs"), dict):
        new["runs"] = {name: rollout(run) for name, run in new["runs"].items()}
    if "training" in new:
        new["training"] = renamed(new["training"], {"own_steps": "multistep_fraction"})
    if isinstance(dataset := new.get("dataset"), dict):
        if "cutoff_A" in dataset:
            training = new.get("training") or {}
            network = (training.get("network") or {}) | {"cutoff_A": dataset["cutoff_A"]}
            new["training"] = training | {"network": network}
        new["dataset"] = {key: value for key, value in dataset.items() if key != "cutoff_A"}
        if "accept" in dataset:
            new["dataset"]["accept"] = [check for check in dataset["accept"] if check != "neighbors"]
    return new


def by_hand(old: Any) -> Any:
    """The same values with the present names, written down independently of the module."""
    old = copy.deepcopy(old)
    if "systems" in old:
        return old | {"systems": {name: system(block) for name, block in old["systems"].items()}}
    new = renamed(old, {"zero_momenta_every": "remove_com_motion_every", "own_steps": "multistep_fraction"})
    if "samples" in new:
        new.pop("cutoff_A", None)
        if "accept" in new:
            new["accept"] = [check for check in new["accept"] if check != "neighbors"]
    return new


def old_file(name: str) -> str:
    shown = subprocess.run(["git", "show", f"{RELEASE}:{name}"], cwd=ROOT, capture_output=True, check=False)
    if shown.returncode:
        pytest.skip(f"the history has no {RELEASE}")
    return shown.stdout.decode()


# ---- the files of 0.1.0


@pytest.mark.parametrize("name", [*(f"config/{name}.yaml" for name in OVERLAYS), "config.yaml"])
def test_files_of_the_release(tmp_path: Path, name: str) -> None:
    base = parse_yaml(upgraded(tmp_path, (OLD / "config.yaml").read_text()), "")
    layers = [("config.yaml", base)]
    if name != "config.yaml":
        layers.append((name, parse_yaml(upgraded(tmp_path, old_file(name)), "")))
    assert read_config(Layers(layers)).kept


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_the_release(tmp_path: Path, name: str) -> None:
    new = parse_yaml(upgraded(tmp_path, old_file(f"docs/examples/{name}/config.yaml")), "")
    assert read_config(Layers([("config.yaml", new)])).kept


def test_files_in_the_archive(tmp_path: Path) -> None:
    with tarfile.open(OLD / "molecule.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    for path in sorted(tmp_path.rglob("*.yaml")):
        old = read_yaml(path)
        upgrade_file(path)
        assert read_yaml(path) == by_hand(old)


# ---- names of one's own


def test_names_are_kept(tmp_path: Path) -> None:
    text = """\
systems:
  forecast:
    runs:
      forecast: {model: water-5fs, forecast: {zero_momenta_every: 5}}
      own_steps: null
    reference: {parameters: {forecast: 1, zero_momenta_every: 2, own_steps: 3, cutoff_A: 9.0, accept: [neighbors]}}
    observables: {dihedrals: {forecast: [0, 1, 2, 3], own_steps: [1, 2, 3, 4]}}
    training: {own_steps: 0.5}
    "forecast": {zero_momenta_every: 7}
"""
    new = parse_yaml(upgraded(tmp_path, text), "")["systems"]["forecast"]
    assert new["runs"]["forecast"] == {"model": "water-5fs", "rollout": {"remove_com_motion_every": 5}}
    assert new["rollout"] == {"remove_com_motion_every": 7}


@pytest.mark.parametrize("key", ["zero_momenta_every", "own_steps"])
def test_settings_of_one_stage(tmp_path: Path, key: str) -> None:
    assert key not in upgraded(tmp_path, f"seed: 1\n{key}: 1 # mine\nguard: {{{key}: 2}}\n").partition("guard")[0]


# ---- the check `neighbors`


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("accept: [neighbors]", "accept: []"),
        ("accept: [neighbors, momentum] # both", "accept: [momentum] # both"),
        ("accept: [momentum, neighbors]", "accept: [momentum]"),
        ("accept: [neighbors, neighbors, lag]", "accept: [lag]"),
        ("accept:\n- lag\n- neighbors # why\n- energy", "accept:\n- lag\n- energy"),
        ("accept:\n  - neighbors\nsteps: 1", "accept: []\nsteps: 1"),
        ("accept: # why\n  - neighbors\nsteps: 1", "accept: # why\n  []\nsteps: 1"),
    ],
)
def test_the_check_of_neighbors_is_removed(tmp_path: Path, old: str, new: str) -> None:
    assert upgraded(tmp_path, f"samples: {{training: 1}}\n{old}\n") == f"samples: {{training: 1}}\n{new}\n"
    indented = "\n      ".join(old.splitlines())
    text = upgraded(tmp_path, f"systems:\n  a:\n    dataset:\n      {indented}\n")
    assert "neighbors" not in text


def test_the_check_of_neighbors_is_explained() -> None:
    from trajcast.config.settings import DatasetSettings

    values = {"horizon_fs": 1.0, "samples": {"training": 1, "validation": 1, "test": 1}, "seed": 1}
    with pytest.raises(UserError, match=r"accept.0: the check neighbors is made by training now; remove it .*upgrade"):
        validate(DatasetSettings, values | {"accept": ["neighbors"]}, "dataset.yaml")


# ---- anchors, aliases, merges

MERGES = {
    "a roll-out": """\
systems:
  a:
    forecast: &forecast
      zero_momenta_every: 10 # of a
      seed: 1
  b:
    forecast:
      <<: *forecast
      seed: 2
    runs:
      x: {forecast: {<<: *forecast, seed: 3}}
""",
    "a data set": """\
systems:
  a:
    dataset: &dataset
      cutoff_A: 3.0
      accept: [neighbors, lag]
  b:
    dataset:
      <<: *dataset
      seed: 2
  c:
    dataset: {<<: *dataset, cutoff_A: 4.0}
""",
    "a system": """\
systems:
  a: &system
    dataset:
      cutoff_A: 3.0
    training:
      own_steps: 0.1
    forecast: {zero_momenta_every: 2}
  b:
    <<: *system
    dataset: {seed: 1, cutoff_A: 4.0}
  c:
    <<: *system
    dataset: {seed: 1}
  d: *system
  e:
    <<: [*system]
    forecast: {seed: 1}
""",
    "a system without training": """\
systems:
  a: &system
    dataset: {cutoff_A: 3.0}
    seed: 1
  b:
    <<: *system
    dataset: {seed: 1}
""",
    "networks": """\
systems:
  a:
    dataset: {cutoff_A: 3.0}
    training:
      network: &network # shared
        # about channels
        channels: 4
  b:
    dataset:
      cutoff_A: 4.0
    training:
      network: {<<: *network, layers: 2}
  c:
    training:
      network:
        <<: *network
        layers: 3
  d:
    training: {network: *network}
  e: {dataset: {cutoff_A: 5.0}, training: {network: *network}}
""",
    "trainings": """\
systems:
  a:
    dataset: {cutoff_A: 3.0}
    training: &training
      own_steps: 0.5 # half
      # next
      seed: 1
  b:
    dataset: {cutoff_A: 4.0}
    training: *training # as a
  c:
    training: *training
  d:
    training:
      <<: *training
      seed: 2
  e:
    dataset: {cutoff_A: 3.0}
    training: *training
""",
    "a system without a cutoff first": """\
systems:
  a:
    training: &training
      network: &network {channels: 4}
      own_steps: 0.5
  b:
    dataset: {cutoff_A: 4.0}
    training: *training
  c:
    dataset: {cutoff_A: 4.0}
    training: {network: *network}
""",
    "a cutoff": """\
systems:
  a:
    dataset:
      cutoff_A: &cutoff 3.0
    training:
      network:
  b:
    reference: {parameters: {cutoff_A: *cutoff}}
    dataset: {cutoff_A: *cutoff, seed: 1}
    training: {seed: 1}
""",
    "a mapping beside the systems": """\
mine: &mine {zero_momenta_every: 3}
systems:
  a:
    dataset: {cutoff_A: 3}
    forecast: {<<: *mine}
""",
}


@pytest.mark.parametrize("what", [what for what in MERGES if what != "a mapping beside the systems"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_anchors_and_merges(tmp_path: Path, what: str, ends: str) -> None:
    text = upgraded(tmp_path, MERGES[what].replace("\n", ends))
    assert text.count("\n") == text.count(ends)
    for comment in [line.partition("#")[2].rstrip() for line in MERGES[what].splitlines() if "#" in line]:
        assert comment in text


def test_an_anchor_outside_the_systems(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(MERGES["a mapping beside the systems"])
    upgrade_file(path)
    assert read_yaml(path)["systems"]["a"]["rollout"] == {"remove_com_motion_every": 3}
    assert upgrade_file(path) == []


# ---- comments, lists, line ends, links


def test_only_the_changed_lines_change(tmp_path: Path) -> None:
    old = """\
# a file
systems:
    liquid: # mine
        horizons_fs:
        - 1.0
        -   2.0
        dataset:
            # above the cutoff
            cutoff_A: 5.0   # of the cutoff
            # above the samples

            samples: {training: 'x',   test: "y"}
        training:
            # above the network
            seed:   1
        forecast:   # of the roll-out
            seed: 1   # last
# the end"""
    new = old.replace("            cutoff_A: 5.0   # of the cutoff\n", "").replace("forecast:", "rollout:")
    network = "training:\n            network:\n                cutoff_A: 5.0 # of the cutoff\n"
    assert upgraded(tmp_path, old) == new.replace("training:\n", network)


@pytest.mark.parametrize("cutoff", ["{cutoff_A: 5.0} # why", "{cutoff_A: 5.0, seed: 1} # why", "\n      cutoff_A: 5.0"])
@pytest.mark.parametrize("training", ["{}", "{network: {channels: 4}}", "{seed: 1}", "{\n      seed: 1}", "", "null"])
def test_mappings_in_braces(tmp_path: Path, cutoff: str, training: str) -> None:
    block = f"systems:\n  a:\n    dataset: {cutoff}\n    training: {training}\n    forecast: {{}}\n"
    one_line = f'{{systems: {{a: {{dataset: {{cutoff_A: 5, "seed":1}}, training: {training}}}}}}}\n'
    for text in (block, one_line):
        new = upgraded(tmp_path, text)
        assert new.count("# why") == text.count("# why")
        before, after = (parse_yaml(content, "")["systems"]["a"] for content in (text, new))
        network = (before["training"] or {}).get("network", {}) | {"cutoff_A": 5.0}
        assert after["training"] == (before["training"] or {}) | {"network": network}
        assert after["dataset"] == ({"seed": 1} if "seed" in before["dataset"] else {})
        assert ("rollout" in after) == ("forecast" in before)
        assert "forecast" not in after


def test_braces_over_several_lines(tmp_path: Path) -> None:
    text = "systems:\n  a:\n    dataset: {\n      cutoff_A: 5.0, # why\n      # seed\n      seed: 1,\n    }\n"
    new = upgraded(tmp_path, text)
    assert "cutoff_A: 5.0 # why\n" in new
    assert "    dataset: {\n      # seed\n      seed: 1,\n" in new


def test_links_modes_and_byte_order_mark(tmp_path: Path) -> None:
    path, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    path.write_bytes(b"\xef\xbb\xbfown_steps: 1\r\n")
    path.chmod(0o640)
    link.symlink_to(path.name)
    upgrade_file(link)
    assert link.is_symlink()
    assert path.read_bytes() == b"\xef\xbb\xbfmultistep_fraction: 1\r\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == ["link.yaml", "real.yaml"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("systems: {a: {forecast: {}, rollout: {}}}", r"a\.forecast is now called rollout, which is also present"),
        (
            "systems: {a: {forecast: {}, dataset: {cutoff_A: 1}, training: {network: {cutoff_A: 2}}}}",
            r"a\.dataset\.cutoff_A is now systems\.a\.training\.network\.cutoff_A, which is also present",
        ),
        (
            "systems: {a: {forecast: &f {zero_momenta_every: 1}, reference: {parameters: *f}}}",
            r"cannot be edited without changing more; edit it yourself: systems\.a\.forecast\.zero",
        ),
        ("systems: {a: {forecast: {}, forecast: {}}}", "appears twice"),
        ("- forecast", "holds no mapping"),
        ("systems: &a {forecast: *a}", "not valid YAML"),
    ],
)
def test_on_an_error_the_file_stays(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        upgrade_file(path)
    assert path.read_text() == text
