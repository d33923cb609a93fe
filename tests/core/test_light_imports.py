"""The core needs torch, e3nn and what reads and writes files: it runs where nothing else can be imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
REFUSED = ("pydantic", "ase", "rich", "jaxtyping", "vesin", "llvmlite", "matplotlib", "MDAnalysis")

WORK = r"""
import importlib.util
import json
import sys
from pathlib import Path

present = [name for name in sys.argv[2:] if importlib.util.find_spec(name)]

import numpy as np
import torch
from small_dataset import small_dataset

from trajcast.core.errors import UserError
from trajcast.rollout.loop import run_rollout
from trajcast.model.store import load_model
from trajcast.config.settings import RolloutSettings, GuardSettings, NetworkSettings, TrainingSettings
from trajcast.rollout.rules.thermostats import csvr, csvr_elements
from trajcast.training.evaluation import evaluate
from trajcast.training.loop import train
from trajcast.io.trajectory import Trajectory

folder = Path(sys.argv[1])
dataset = small_dataset(folder / "dataset.h5")
network = NetworkSettings(channels=4, l_max=1, layers=1, radial_mlp=[4], speed_mlp=[4])
train(TrainingSettings(network=network, samples=24, seed=1, max_epochs=2), dataset, folder / "model")
model = load_model(folder / "model" / "model.safetensors")
guard = GuardSettings(min_temperature_K=0.0, max_temperature_K=1e9, min_distance_A=0.0)
settings = RolloutSettings(
    duration_ps=0.01, equilibration_ps=0.0, temperature_K=300.0, thermostat="csvr_elements", seed=1, guard=guard
)
start = torch.as_tensor(dataset.split("test").positions[0]).double()
output = folder / "rollout.h5md"
[outcome] = run_rollout(
    model, settings, dataset.spec, start, output=output, outcome=folder / "outcome.json", record={}
)
with Trajectory(output) as trajectory:
    frames = len(trajectory)
try:
    model.species_index(torch.tensor([79]))
except UserError as error:
    unknown = str(error)
found = {"errors": evaluate(model, dataset), "outcome": outcome, "frames": frames, "unknown": unknown}
print(json.dumps({"present": present, **found}))
"""


def test_training_evaluation_and_rollouts_need_little(tmp_path: Path):
    run = subprocess.run(
        [sys.executable, "-c", WORK, str(tmp_path), *REFUSED],
        env=os.environ
        | {"PYTHONPATH": f"{TESTS / 'helpers' / 'core_alone'}:{TESTS / 'helpers'}", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["present"] == []
    assert found["errors"]["frames"] == 4
    assert found["errors"]["velocity_mae_percent"] > 0
    assert found["outcome"]["outcome"] == "completed"
    assert found["frames"] == 6
    assert found["unknown"].startswith("the model knows atomic numbers 1, 8, not atomic numbers 79")


def test_the_snakefile_needs_neither_torch_nor_hdf5() -> None:
    """It runs on login nodes, and again in every job."""
    code = (
        "import sys; from trajcast.pipeline import cooling, driver, former, jobs, plan, resources, studies, attempts; "
        "print(sorted({'torch', 'h5py', 'MDAnalysis'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr
