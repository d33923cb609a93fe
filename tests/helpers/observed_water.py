"""Files of small liquid water for `trajcast observe`: settings, and trajectories of any length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from synthetic import context, write

from trajcast.cli import main
from trajcast.core.mechanics import thermal_velocities
from trajcast.reference.systems import liquid

WATER = {"molecules": 8, "box_A": 7.0, "cutoff_A": 3.4, "ewald_accuracy": 1.0e-4}
SETTINGS = {
    "rdf_bins": 30,
    "structure_interval_fs": 10.0,
    "vdos_window_ps": 0.1,
    "msd_fit_from_ps": 0.05,
    "msd_fit_to_ps": 0.1,
    "blocks": 4,
}
PROVENANCE = {"ensemble": "NVT (CSVR)", "settings": {"temperature_K": 300.0, "seed": 7}}


def water(path: Path, frames: int, seed: int = 1) -> Path:
    """Molecules that jitter and drift: no MD, but a structure that the reference potential can take."""
    top, start = liquid.structure(liquid.Parameters(**WATER), seed=1)
    rng = np.random.default_rng(seed)
    steps = np.repeat(rng.normal(scale=0.02, size=(frames, WATER["molecules"], 3)), 3, axis=1)
    positions = start + np.cumsum(steps, axis=0) + rng.normal(scale=0.01, size=(frames, top.n_atoms, 3))
    generator = torch.Generator().manual_seed(seed)
    at_rest = top.state(start, 0 * start)
    velocities = [thermal_velocities(at_rest, 300.0, generator).velocities.numpy() for _ in range(frames)]
    return write(path, top, positions, velocities, 5.0, **PROVENANCE)


def prepare(folder: Path) -> Path:
    """The settings of both sections, and reference MD of 200 frames."""
    (folder / "observables.yaml").write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
    (folder / "reference.yaml").write_text(yaml.safe_dump(context(WATER).reference.model_dump()), encoding="utf-8")
    water(folder / "md.h5md", 200)
    return folder


def command(name: str, folder: Path, **files: Any) -> list[str]:
    """A command with the settings and these files of `folder`."""
    paths = {"settings": "observables.yaml", "reference-settings": "reference.yaml", "md": "md.h5md"} | files
    return [name, *(part for key, path in paths.items() for part in (f"--{key}", str(folder / path)))]


def observe(folder: Path, rollout: str, **changed: str) -> int:
    """`trajcast observe` of a rollout; `changed` names other files than those of `prepare`, or a second MD run."""
    return main(command("observe", folder, **{"rollout": rollout, "output": "out"} | changed))
