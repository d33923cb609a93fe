"""Models, the states that rollouts start from, and what is written where."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from case import refused, right
from cases_pairs import evaluate, frames
from safetensors.torch import load_file, save
from world import Run, World, run, write_h5md

from trajcast import shipped
from trajcast.io.files import file_hash

MODEL, START, PATH = "model", "start of a rollout", "path"
ROLLOUT: dict[str, Any] = {
    "duration_ps": 0.05,
    "equilibration_ps": 0.0,
    "temperature_K": 300.0,
    "seed": 1,
    "guard": {"min_temperature_K": 0.0, "max_temperature_K": 1e6, "min_distance_A": 0.0},
}


def copied(w: World) -> Path:
    """A copy of a shipped model."""
    source = shipped.resolve("water-5fs")
    for ending in (".safetensors", ".json"):
        shutil.copy(source.with_suffix(ending), w.path(f"mine{ending}"))
    return w.path("mine.safetensors")


def described(w: World, **changes: Any) -> None:
    """Its description changed."""
    record = json.loads(w.path("mine.json").read_text())
    w.text("mine.json", json.dumps({k: v for k, v in (record | changes).items() if v is not ...}))


def model(what: str, *parts: str):
    def make(change: Callable[[World], object]) -> None:
        @refused(MODEL, what, *parts)
        def _(w: World) -> list[str]:
            path = copied(w)
            change(w)
            command = evaluate(w, frames())
            command[command.index("--model") + 1] = str(path)
            return command

    return make


@right(MODEL, "a copy of a shipped one")
def _(w: World) -> list[str]:
    command = evaluate(w, frames())
    command[command.index("--model") + 1] = str(copied(w))
    return command


def flipped(w: World) -> None:
    data = bytearray(w.path("mine.safetensors").read_bytes())
    data[len(data) // 2] ^= 1
    w.path("mine.safetensors").write_bytes(bytes(data))


def not_finite(w: World) -> None:
    weights = load_file(str(w.path("mine.safetensors")))
    name = next(name for name, tensor in weights.items() if tensor.is_floating_point())
    weights[name] = torch.full_like(weights[name], float("nan"))
    w.path("mine.safetensors").write_bytes(save(weights))
    described(w, sha256=file_hash(w.path("mine.safetensors")))


model("a byte of its weights that flipped", "damaged weights, or weights that do not match its .json")(flipped)
model("weights that are cut off", "damaged weights")(
    lambda w: w.path("mine.safetensors").write_bytes(w.path("mine.safetensors").read_bytes()[:-100])
)
model("weights that are not finite", "has weights that are not finite", "train it again")(not_finite)
model("no description", "mine.json: no such file", "with a .json beside it")(lambda w: w.path("mine.json").unlink())
model("a description that is no JSON", "not valid JSON")(lambda w: w.text("mine.json", "{"))
model("a description of something else", "not a TrajCast model file")(lambda w: w.text("mine.json", "{}"))
model("a description that is a list", "does not describe a model")(lambda w: w.text("mine.json", "[1]"))
model("a description by a later version", "has format TrajCast model 1000", "install a newer TrajCast")(
    lambda w: described(w, format="TrajCast model 1000")
)
model("a description without its network", "damaged model description")(lambda w: described(w, network=...))
model("a description with another network", "damaged weights")(
    lambda w: described(w, network=json.loads(w.path("mine.json").read_text())["network"] | {"channels": 8})
)
model("another species", "knows", "not O")(lambda w: described(w, species=[1, 6]))
model("a negative horizon", "horizon_fs -5.0 must be a number above zero")(lambda w: described(w, horizon_fs=-5.0))
model("a horizon that is text", "mine.json: damaged model description")(lambda w: described(w, horizon_fs="5"))
model("a cutoff of zero", "cutoff_A 0.0 must be a number above zero")(lambda w: described(w, cutoff_A=0.0))
model("another precision", "damaged model description")(lambda w: described(w, dtype="float16"))
model("a pickle in its place", "damaged weights")(lambda w: torch.save({"a": 1}, w.path("mine.safetensors")))


@refused(MODEL, "a name that is none", "'water-5' is neither a shipped model", "water-5fs")
def _(w: World) -> list[str]:
    command = evaluate(w, frames())
    command[command.index("--model") + 1] = "water-5"
    return command


@refused(MODEL, "a file that is not there", "none.json: no such file")
def _(w: World) -> list[str]:
    command = evaluate(w, frames())
    command[command.index("--model") + 1] = "none.safetensors"
    return command


def rollout(
    w: World, start: Path, *options: str, output: str = "rollout.h5md", outcome: str = "outcome.json", **settings
):
    path = w.yaml("rollout.yaml", ROLLOUT | settings)
    command = ["rollout", "--settings", str(path), "--model", "water-5fs", "--start", str(start)]
    return [*command, "--output", output, "--outcome", outcome, *options]


def liquid() -> Run:
    return run(3)


@right(START, "a frame of a run")
def _(w: World) -> list[str]:
    return rollout(w, write_h5md(w.path("run.h5md"), liquid()), "--frame", "7")


@right(START, "a run of one frame")
def _(w: World) -> list[str]:
    return rollout(w, write_h5md(w.path("run.h5md"), liquid(), frames=1))


def start(what: str, *parts: str, options: tuple[str, ...] = (), **settings: Any):
    def make(change: Callable[[h5py.File], object] = lambda file: None, own: Callable[[], Run] = liquid) -> None:
        @refused(START, what, *parts)
        def _(w: World) -> list[str]:
            path = write_h5md(w.path("run.h5md"), own())
            with h5py.File(path, "r+") as file:
                change(file)
            return rollout(w, path, *options, **settings)

    return make


def put(name: str, where: Any, value: Any) -> Callable[[h5py.File], None]:
    return lambda file: file[f"particles/all/{name}"].__setitem__(where, value)


start("a frame beyond the last", "no frame 40 of 40; count from 0", options=("--frame", "40"))()
start("a frame before the first", "no frame -41 of 40", options=("--frame=-41",))()
start("a position that is nan", "frame -1: the position of atom 3 is [nan, nan, nan]")(
    put("position/value", (39, 3), np.nan)
)
start("masses of zero", "has mass 0 u")(put("mass", 3, 0.0))
start("an element that the model does not know", "the model knows", "not C")(put("species", slice(0, 1), 6))
start("a flat cell", "linearly independent")(put("box/edges/value", (slice(None), 2), 0.0))
start("one atom", "have no degree of freedom", "give at least two")(
    own=lambda: replace(
        liquid(), **{n: getattr(liquid(), n)[:1] for n in ("numbers", "masses", "start", "amplitude", "omega", "phase")}
    )
)
start("a cell in nm", "Å³ per atom")(put("box/edges/value", slice(None), np.eye(3)))
start("copies of a direction that is not periodic", "direction 3 is not periodic; put 1 there", supercell=[1, 1, 2])(
    own=lambda: replace(liquid(), pbc=np.array([True, True, False]))
)
start("a duration that is no number of steps", "is not a multiple of", duration_ps=0.0512)()
start("a thermostat that is none", "'csvrr' is not known; choose one of", thermostat="csvrr")()
start("no thermostat for a ramp", "thermostat is null", thermostat=None, final_temperature_K=200.0)()
start(
    "guards in the wrong order",
    "is not below max_temperature_K",
    guard={"min_temperature_K": 900.0, "max_temperature_K": 100.0, "min_distance_A": 0.0},
)()


@refused(START, "a file that is not there", "none.h5md: no such file")
def _(w: World) -> list[str]:
    return rollout(w, w.path("none.h5md"))


@refused(START, "a data set in its place", "not a TrajCast H5MD trajectory")
def _(w: World) -> list[str]:
    with h5py.File(w.path("dataset.h5"), "w") as file:
        file.attrs["format"] = "TrajCast data set 1"
    return rollout(w, w.path("dataset.h5"))


@refused(START, "heavy water for a model of light water", "was trained with H of 1.008 u, atom 1 has 2.014 u")
def _(w: World) -> list[str]:
    own = liquid()
    return rollout(
        w, write_h5md(w.path("run.h5md"), replace(own, masses=np.where(own.numbers == 1, 2.014, own.masses)))
    )


@refused(MODEL, "heavy water in the pairs of its test", "was trained with H of 1.008 u", "these masses")
def _(w: World) -> list[str]:
    images = frames()
    for atoms in images:
        atoms.set_masses(np.where(atoms.numbers == 1, 2.014, 15.999))
    return evaluate(w, images, "--accept", "momentum", "temperature")


# ---- what is written where


def train_on_itself(w: World) -> list[str]:
    w.path("model").mkdir()
    for ending in (".safetensors", ".json"):
        copied(w).with_suffix(ending).rename(w.path(f"model/model{ending}"))
    settings = {"samples": 1, "seed": 1, "initial": "model/model.safetensors"}
    return ["train", "--settings", str(w.yaml("t.yaml", settings)), "--dataset", "none.h5", "--output", "model"]


def written(what: str, *parts: str):
    def make(command: Callable[[World, Path], list[str]]) -> None:
        @refused(PATH, what, *parts)
        def _(w: World) -> list[str]:
            return command(w, write_h5md(w.path("run.h5md"), liquid()))

    return make


written("a rollout onto its start", "run.h5md is both an input and an output", "choose another name")(
    lambda w, path: rollout(w, path, output=str(path))
)
written("a rollout onto its start by another name", "is both an input and an output")(
    lambda w, path: rollout(w, path, output=str(w.path(".") / "run.h5md"))
)
written("a rollout onto a link to its start", "is both an input and an output")(
    lambda w, path: (w.path("link.h5md").symlink_to(path), rollout(w, path, output="link.h5md"))[1]
)
written("the outcome onto the settings", "rollout.yaml is both an input and an output")(
    lambda w, path: rollout(w, path, outcome="rollout.yaml")
)
written("a rollout onto notes", "exists already and is not a .h5md file", "choose another name")(
    lambda w, path: rollout(w, path, output=str(w.text("notes.h5md", "do not lose\n")))
)
written("an outcome onto notes", "exists already and is not a .json file")(
    lambda w, path: rollout(w, path, outcome=str(w.text("notes.json", "do not lose\n")))
)
written("two outputs in one file", "is given for two outputs")(
    lambda w, path: rollout(w, path, output="both", outcome="both")
)
written("a training onto the model that it goes on from", "model.safetensors is both an input and an output")(
    lambda w, path: train_on_itself(w)
)
written("a replica onto the start", "run-2.h5md is both an input and an output")(
    lambda w, path: rollout(w, path.rename(w.path("run-2.h5md")), output="run.h5md", replicas=2)
)
written("a data set onto one of its runs", "is both an input and an output")(
    lambda w, path: [*w.dataset(path)[:-1], str(path)]
)
written("a data set onto its settings", "dataset.yaml is both an input and an output")(
    lambda w, path: [*w.dataset(path)[:-1], str(w.path("dataset.yaml"))]
)
written("an output that is a folder", "is a folder; name a file in it")(lambda w, path: rollout(w, path, output="."))
written("an output below a file", "run.h5md is a file, not a folder", "choose another location")(
    lambda w, path: rollout(w, path, output="run.h5md/rollout.h5md")
)
written("an output with a line break in its name", "has a line break or another control character", "rename it")(
    lambda w, path: rollout(w, path, output="fore\ncast.h5md")
)
written("errors into a folder", "--json .: is a folder; name a file in it")(
    lambda w, path: evaluate(w, frames(), "--json", ".")
)
written("a folder of results that is a file", "is a file; name a folder")(
    lambda w, path: ["reference", "--settings", str(w.yaml("a.yaml", {})), "--output", str(path)]
)
written("a file name that is too long", "File name too long")(lambda w, path: rollout(w, path, output="x" * 300))
written("settings that are a folder", "is a folder; name a YAML file")(
    lambda w, path: ["rollout", "--settings", ".", *rollout(w, path)[3:]]
)
written("settings that are not there", "none.yaml: no such file")(
    lambda w, path: ["rollout", "--settings", "none.yaml", *rollout(w, path)[3:]]
)
written("a device that is not there", "--device cuda:9: not usable here", "use cpu or auto")(
    lambda w, path: rollout(w, path, "--device", "cuda:9")
)
written("a device of other machines", "--device mps: not usable here", "use cpu or auto")(
    lambda w, path: rollout(w, path, "--device", "mps")
)
written("a device that is none", "--device gpu", "use cpu or auto")(lambda w, path: rollout(w, path, "--device", "gpu"))
written("no threads", "--threads 0: must be at least 1")(lambda w, path: rollout(w, path, "--threads", "0"))
written("a backend that is none", "'cude' is not known; choose one of")(
    lambda w, path: rollout(w, path, "--backend", "cude")
)
