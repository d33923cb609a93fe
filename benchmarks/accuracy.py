"""Compare training recipes: error versus time on one data set.

    python -m benchmarks.accuracy --settings results/liquid/5fs/model-n8000-s1/training.yaml \\
        --dataset results/liquid/5fs/dataset.h5 \\
        --recipes adam muon muon-both-ways --minutes 8.5 --seeds 1 2 --output accuracy

The workflow makes the settings and the data set; a recipe changes some of these settings. The models are trained one
after the other, each for the same time on one core (or `--device`). The output folder then holds accuracy.png
(validation errors after every epoch), accuracy.md (test errors with their spread over seeds), and every model.
"""

from __future__ import annotations

import argparse
import csv
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from matplotlib.figure import Figure

from trajcast.config.settings import TrainingSettings
from trajcast.config.validation import read_settings
from trajcast.core.device import use_device
from trajcast.data.dataset import Dataset, read_dataset
from trajcast.figures.style import figure_style
from trajcast.io.files import write_text
from trajcast.model.store import load_model
from trajcast.training.evaluation import evaluate
from trajcast.training.loop import train


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Changes to the training settings, and whether time-reversed pairs are added."""

    changes: Mapping[str, Any]
    network: Mapping[str, Any] = field(default_factory=dict)
    time_reversed: bool = True


MUON = {"optimizer": "muon", "learning_rate": 0.02, "cooldown": 0.7, "warmup_updates": 300, "ema_decay": 0.995}
FINE_TUNING = MUON | {"learning_rate": 0.006, "cooldown": 0.9, "warmup_updates": 100, "ema_decay": 0.99}
PAPER_MLPS = {"radial_mlp": [64, 64, 64], "speed_mlp": [64, 64, 64]}
ADAM = {"optimizer": "adam", "learning_rate": 0.02, "cooldown": 0.5, "ema_decay": 0.99}
RECIPES = {
    "as-given": Recipe(changes={}),
    "adam": Recipe(changes=ADAM, time_reversed=False),
    "muon": Recipe(changes=MUON, time_reversed=False),
    "muon-both-ways": Recipe(changes=MUON),
    "muon-batch-2": Recipe(changes=MUON | {"batch_size": 2}),
    "muon-batch-4": Recipe(changes=MUON | {"batch_size": 4}),
    "muon-fast": Recipe(changes=MUON | {"learning_rate": 0.03}),
    "muon-slow": Recipe(changes=MUON | {"learning_rate": 0.01}),
    "channels-64": Recipe(changes=MUON, network={"channels": 64}),
    "channels-128": Recipe(changes=MUON, network={"channels": 128}),
    "water-5fs": Recipe(
        changes=FINE_TUNING | {"initial": "water-5fs"}, network={"channels": 128, "layers": 4} | PAPER_MLPS
    ),
    "as-water-5fs": Recipe(changes=MUON, network={"channels": 128, "layers": 4} | PAPER_MLPS),
    "layers-2": Recipe(changes=MUON, network={"layers": 2}),
    "layers-4": Recipe(changes=MUON, network={"layers": 4}),
    "layers-5": Recipe(changes=MUON, network={"layers": 5}),
    "layers-6": Recipe(changes=MUON, network={"layers": 6}),
    "layers-4-cutoff-4": Recipe(changes=MUON, network={"layers": 4, "cutoff_A": 4.0}),
    "layers-5-cutoff-4": Recipe(changes=MUON, network={"layers": 5, "cutoff_A": 4.0}),
    "layers-6-cutoff-4": Recipe(changes=MUON, network={"layers": 6, "cutoff_A": 4.0}),
    "layers-6-cutoff-3.5": Recipe(changes=MUON, network={"layers": 6, "cutoff_A": 3.5}),
}


def main() -> None:
    """Train with every recipe and seed; write table and plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", type=Path, required=True, metavar="YAML", help="file with the section `training`")
    parser.add_argument("--dataset", type=Path, required=True, metavar="H5")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=["adam", "muon", "muon-both-ways"])
    parser.add_argument("--minutes", type=float, required=True, help="training time of each model")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings, dataset = read_settings(TrainingSettings, arguments.settings), read_dataset(arguments.dataset)
    settings = replace(settings, budget_minutes=arguments.minutes, max_epochs=10**6, stop_patience=10**6)
    device = use_device(arguments.device, 1)
    runs_by_recipe: dict[str, list[dict[str, Any]]] = {}
    for seed in arguments.seeds:
        for name in arguments.recipes:
            folder = arguments.output / f"{name}-{seed}"
            run = train_one(replace(settings, seed=seed), dataset, RECIPES[name], folder, str(device))
            runs_by_recipe.setdefault(name, []).append(run)
            report(runs_by_recipe, dataset, arguments.minutes, arguments.output)


def train_one(
    settings: TrainingSettings, dataset: Dataset, recipe: Recipe, folder: Path, device: str
) -> dict[str, Any]:
    """Train with `recipe`; return the test errors, and the rows of metrics.csv as `rows`."""
    settings = replace(settings, network=replace(settings.network, **recipe.network), **recipe.changes)
    dataset = replace(dataset, time_reversed=recipe.time_reversed)
    train(settings, dataset, folder, device)
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    return {**evaluate(load_model(folder / "model.safetensors"), dataset), "rows": rows}


def report(
    runs_by_recipe: Mapping[str, Sequence[Mapping[str, Any]]], dataset: Dataset, minutes: float, folder: Path
) -> None:
    """Write table and plot of all runs finished so far."""
    lines = [
        f"{minutes:g} minutes each, {dataset.horizon_fs:g} fs, {dataset.spec.n_atoms} atoms; errors on test pairs ± "
        "standard deviation over seeds; on training pairs after the last epoch",
        "",
        "| recipe | seeds | MAE of Δr, % | MAE of v′, % | MAE of v′, training pairs, % | skipped updates | epochs |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, runs in runs_by_recipe.items():
        last = [run["rows"][-1] for run in runs]
        cells = [
            name,
            str(len(runs)),
            spread([run["displacement_mae_percent"] for run in runs]),
            spread([run["velocity_mae_percent"] for run in runs]),
            spread([row["training_velocity_mae_percent"] for row in last]),
            f"{sum(row['skipped_updates'] for run in runs for row in run['rows']):.0f}",
            f"{mean(row['epoch'] for row in last):.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    write_text(folder / "accuracy.md", "\n".join(lines) + "\n")
    print("\n".join(lines), flush=True)
    with figure_style():
        figure = Figure(figsize=(5.5, 3.6), layout="constrained")
        axes = figure.subplots()
        for number, (name, runs) in enumerate(runs_by_recipe.items()):
            for k, run in enumerate(runs):
                times = [row["time_s"] / 60 for row in run["rows"]]
                errors = [row["velocity_mae_percent"] for row in run["rows"]]
                axes.plot(times, errors, "o-", markersize=2.5, color=f"C{number}", label=None if k else name)
        axes.set(yscale="log", xlabel="minutes", ylabel="MAE of v′, validation pairs, %")
        axes.legend(frameon=False)
        figure.savefig(folder / "accuracy.png", dpi=150)


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation as text; only the value if there is one."""
    return f"{mean(values):.2f} ± {stdev(values):.2f}" if len(values) > 1 else f"{values[0]:.2f}"


if __name__ == "__main__":
    main()
