"""The core needs torch, e3nn and what reads and writes files: it runs where nothing else can be imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]

ALONE = r"""
import re, sys
from importlib import metadata

def required(name, found):
    if name not in found:
        found.add(name)
        for line in metadata.requires(name) or []:
            if "extra ==" not in line:
                try:
                    required(normal(re.match(r"[\w.-]+", line)[0]), found)
                except metadata.PackageNotFoundError:  # for another platform
                    continue
    return found

def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()

allowed = set()
for name in sys.argv[1].split(","):
    required(name, allowed)
refused = {
    module for module, packages in metadata.packages_distributions().items()
    if not {normal(package) for package in packages} & (allowed | {"trajcast"})
}

class OnlyAllowed:
    # As if the refused packages were not installed.
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in refused else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [OnlyAllowed(finder) for finder in sys.meta_path]
for name in ("pydantic", "ase", "rich", "jaxtyping", "llvmlite", "matplotlib", "MDAnalysis"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    sys.exit(f"{name} can be imported: the test is not worth anything")
"""

WORK = r"""
import json
from pathlib import Path

import numpy as np
import torch
from small_dataset import small_dataset

from trajcast.errors import UserError
from trajcast.forecast.forecaster import roll_out
from trajcast.model.store import load_model
from trajcast.settings import Forecast, Guard, Network, Training
from trajcast.thermostats import csvr, csvr_elements
from trajcast.training.evaluation import evaluate
from trajcast.training.loop import train
from trajcast.trajectory import Trajectory

folder = Path(sys.argv[2])
dataset = small_dataset(folder / "dataset.h5")
network = Network(channels=4, l_max=1, layers=1, radial_mlp=[4], speed_mlp=[4])
train(Training(network=network, samples=24, seed=1, max_epochs=2), dataset, folder / "model")
model = load_model(folder / "model" / "model.safetensors")
guard = Guard(min_temperature_K=0.0, max_temperature_K=1e9, min_distance_A=0.0)
settings = Forecast(
    duration_ps=0.01, equilibration_ps=0.0, temperature_K=300.0, thermostat="csvr_elements", seed=1, guard=guard
)
start = torch.as_tensor(dataset.split("test").positions[0]).double()
output = folder / "forecast.h5md"
outcome = roll_out(
    model, settings, dataset.topology, start, output=output, outcome=folder / "outcome.json", record={}
)
with Trajectory(output) as trajectory:
    frames = len(trajectory)
try:
    model.species_index(torch.tensor([79]))
except UserError as error:
    unknown = str(error)
print(json.dumps({"errors": evaluate(model, dataset), "outcome": outcome, "frames": frames, "unknown": unknown}))
"""


def test_training_evaluation_and_roll_outs_need_little(tmp_path: Path):
    packages = "torch,e3nn,numpy,scipy,h5py,safetensors,pyyaml,vesin"
    run = subprocess.run(
        [sys.executable, "-c", ALONE + WORK, packages, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(TESTS / "physics"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["errors"]["frames"] == 4
    assert found["errors"]["velocity_mae_percent"] > 0
    assert found["outcome"]["outcome"] == "completed"
    assert found["frames"] == 6
    assert found["unknown"].startswith("the model knows atomic numbers 1, 8, not atomic numbers 79")
