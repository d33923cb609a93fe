"""The paper's figures and page: which are made of a configuration, their files, and what the page shows of them."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from paper_results import write_test

from trajcast.cli import main
from trajcast.config.settings import NetworkSettings
from trajcast.core.system_spec import SystemSpec
from trajcast.data.dataset import Dataset, Pairs, Statistics, read_dataset, write_dataset
from trajcast.figures.paper import drawable, figures
from trajcast.figures.paper.page import write_page
from trajcast.figures.paper.parity import parity
from trajcast.model.network import Scales, TrajCast
from trajcast.model.store import save_model
from trajcast.pipeline.plan import Plan
from trajcast.training.evaluation import evaluate

ROOT = Path(__file__).parents[2]
ALL = ["fig2", "fig3", "fig4", "fig5", "figS1", "figS2", "figS3", "tableS1", "tableS2"]


def overlaid(below: Any, above: Any) -> Any:
    """What Snakemake makes of a second configuration file."""
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        return {key: overlaid(below.get(key), above.get(key, below.get(key))) for key in [*below, *above]}
    return above


def configured(*names: str) -> Plan:
    values: Any = {}
    for name in names:
        values = overlaid(values, yaml.safe_load((ROOT / name).read_text(encoding="utf-8")))
    return Plan(values)


def png_size(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def test_the_published_protocol_asks_for_every_figure_and_table() -> None:
    plan = configured("config.yaml", "config/paper.yaml")
    assert set(ALL) <= set(drawable(plan))
    for name in ALL:
        sources = figures()[name].sources(plan)
        files = [file for paths in sources.values() for file in paths]
        assert files
        assert all(file.startswith("results/") for file in files)


def test_parity_is_shown_at_the_published_horizons() -> None:
    sources = figures()["fig5"].sources(configured("config.yaml", "config/paper.yaml"))
    assert {role for role in sources if role.startswith("parity")} == {"parity at 0.5 fs", "parity at 15 fs"}


def test_a_system_without_studies_has_no_figures_of_them() -> None:
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    liquid = {key: value for key, value in values["systems"]["liquid"].items() if key != "studies"}
    plan = Plan({"systems": {"water": liquid}})
    assert drawable(plan) == ["fig4", "tableS1"]
    (summary,) = figures()["fig4"].sources(plan)["summary"]
    assert summary == "results/water/runs/water-5fs/observables/summary.json"


def drawn(folder: Path, name: str, sources: Mapping[str, list[str]]) -> Path:
    stem = folder / name
    assert main(["paper", name, "--sources", json.dumps(sources), "--output", str(stem)]) == 0
    return stem


def observed(results: Path, horizon: str) -> dict[str, list[str]]:
    run = results / "runs" / horizon
    settings = run / "rollout.yaml"
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["systems"]["molecule"]["rollout"]
    settings.write_text(yaml.safe_dump(values), encoding="utf-8")
    return {
        "settings": [str(settings)],
        "summary": [str(run / "observables/summary.json")],
        "outcome": [str(run / "outcome.json")],
    }


@pytest.mark.parametrize("name", ["fig2", "fig3", "fig4"])
def test_figures_of_a_rollout_come_out_of_any_part_of_the_observables(name: str, folder: Path, tmp_path: Path) -> None:
    stem = drawn(tmp_path, name, observed(folder, "1fs"))
    about = json.loads(stem.with_name(f"{name}.json").read_text(encoding="utf-8"))
    assert about["figure"]
    assert any("the paper shows" in note for note in about["notes"])  # another horizon
    assert png_size(tmp_path / f"{name}.png")[0] == 2160
    assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_data_beside_a_figure_are_the_curves_of_both_methods(folder: Path, tmp_path: Path) -> None:
    for method in ("md", "rollout"):  # as if the made-up spectrum were the VDOS
        where = folder / "runs/1fs/observables" / method
        values = json.loads((where / "spectrum.json").read_text(encoding="utf-8"))
        (where / "vdos.json").write_text(json.dumps(values | {"observable": "vdos"}), encoding="utf-8")
    drawn(tmp_path, "fig3", observed(folder, "1fs"))
    with open(tmp_path / "fig3.csv", encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["panel"] == "vdos O"]
    for method, series in (("md", "reference MD"), ("rollout", "rollout")):
        result = json.loads((folder / f"runs/1fs/observables/{method}/vdos.json").read_text(encoding="utf-8"))
        curve = next(curve for curve in result["curves"] if curve["name"] == "O")
        found = [row for row in rows if row["series"] == series]
        assert [float(row["x"]) for row in found] == curve["x"]
        assert [float(row["value"]) for row in found] == curve["y"]
        assert [float(row["standard error"]) for row in found] == curve["error"]


def test_same_results_give_the_same_files(folder: Path, tmp_path: Path) -> None:
    for place in ("once", "again"):
        (tmp_path / place).mkdir()
        drawn(tmp_path / place, "fig4", observed(folder, "1fs"))
    for suffix in (".pdf", ".png", ".csv", ".json"):
        assert (tmp_path / f"once/fig4{suffix}").read_bytes() == (tmp_path / f"again/fig4{suffix}").read_bytes()


def test_page_shows_figures_tables_and_what_is_not_there(folder: Path, tmp_path: Path) -> None:
    drawn(tmp_path, "fig4", observed(folder, "1fs"))
    tests = write_test(tmp_path, 7.0, 40, 1, 1e-4) + write_test(tmp_path, 7.0, 40, 2, 3e-4)
    drawn(tmp_path, "tableS1", {"molecule": tests})
    page = tmp_path / "report.html"
    write_page({name: [str(tmp_path / f"{name}.json")] for name in ("fig4", "tableS1")}, page)
    text = page.read_text(encoding="utf-8")
    assert base64.b64encode((tmp_path / "fig4.png").read_bytes()).decode() in text
    assert "Figure 4. Water: vibrations, diffusion and structure" in text
    assert "Table S1. Test errors" in text
    assert "<td>20.0 ± 10.0</td>" in text  # Δr in 10⁻⁵ Å, mean of two seeds
    assert "<td>15.89</td>" in text
    assert "Not requested in this run: Figure 2, Figure 3," in text
    assert "://" not in text  # nothing is loaded from elsewhere


def test_missing_figure_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources = json.dumps({"fig2": [str(tmp_path / "fig2.json")]})
    assert main(["paper", "report", "--sources", sources, "--output", str(tmp_path / "report.html")]) == 2
    assert "fig2.json: no such file" in capsys.readouterr().err


def test_unknown_figure_lists_those_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["paper", "fig1", "--sources", "{}", "--output", str(tmp_path / "fig1")]) == 2
    assert "choose one of: fig2, fig3" in capsys.readouterr().err


def oxygen_pairs(rng: np.random.Generator, count: int) -> Pairs:
    spec = SystemSpec(
        numbers=np.array([8, 1, 1]),
        masses=np.array([15.999, 1.008, 1.008]),
        cell=np.zeros((3, 3)),
        pbc=np.zeros(3, dtype=bool),
    )
    arrays = {
        name: rng.normal(scale=scale, size=(count, 3, 3)).astype(np.float32)
        for name, scale in (("positions", 1.0), ("velocities", 0.01), ("displacements", 0.02), ("new_velocities", 0.01))
    }
    return Pairs(spec=spec, frames=np.arange(count), sources=np.zeros(count, int), **arrays)


@pytest.fixture
def model_and_data(tmp_path: Path) -> tuple[Path, Path]:
    """An untrained model, and test pairs of its horizon."""
    import torch

    rng = np.random.default_rng(1)
    pairs = oxygen_pairs(rng, 12)
    statistics = Statistics(displacement_rms=0.02, velocity_rms=0.01, speed_rms={1: 0.017, 8: 0.017})
    splits = dict.fromkeys(("training", "validation", "test"), pairs)
    write_dataset(
        tmp_path / "dataset.h5",
        Dataset(horizon_fs=2.0, spec=pairs.spec, statistics=statistics, splits=splits, provenance={}),
    )
    scales = Scales(
        horizon_fs=2.0,
        cutoff=3.0,
        species=(1, 8),
        average_neighbors=2.0,
        speed_max=0.1,
        outputs=((0.02, 0.01), (0.02, 0.01)),
        baseline=((1.9, 0.8), (2.0, 0.9)),
    )
    settings = NetworkSettings(cutoff_A=3.0, channels=4, l_max=1, layers=1, radial_mlp=[4], speed_mlp=[4])
    model = TrajCast(settings, scales, torch.Generator().manual_seed(1))
    save_model(tmp_path / "model.safetensors", model)
    return tmp_path / "model.safetensors", tmp_path / "dataset.h5"


def test_parity_has_the_errors_of_the_evaluation(model_and_data: tuple[Path, Path]) -> None:
    from trajcast.model.store import load_model

    found = parity(*model_and_data)
    errors = evaluate(load_model(model_and_data[0]), read_dataset(model_and_data[1]))
    assert np.abs(found.predicted - found.true).mean() == pytest.approx(errors["velocity_mae_A_per_fs"], rel=1e-6)
    assert found.true.shape == (12 * 9,)
    assert found.element[:9].tolist() == ["O"] * 3 + ["H"] * 6
    assert found.horizon_fs == 2.0


def test_figure_5_shows_parity_beside_errors_without_learning_curves(
    model_and_data: tuple[Path, Path], tmp_path: Path
) -> None:
    weights, data = map(str, model_and_data)
    reference = tmp_path / "reference.yaml"
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["systems"]["liquid"]["reference"]
    reference.write_text(yaml.safe_dump(values), encoding="utf-8")
    sources = {
        "liquid": write_test(tmp_path, 2.0, 40, 1, 1e-4),
        "liquid reference": [str(reference)],
        "parity at 2 fs": [weights, weights.replace("safetensors", "json"), data],
    }
    stem = drawn(tmp_path, "fig5", sources)
    with open(stem.with_name("fig5.csv"), encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert sum(row["panel"].startswith("parity") for row in rows) == 12 * 9
    (mine,) = [row for row in rows if row["series"] == "water"]
    assert float(mine["x"]) == 4.0  # 2 fs in steps of 0.5 fs
    assert float(mine["value"]) == pytest.approx(0.2)
    assert mine["standard error"] == ""
    assert not any("exponent" in row["panel"] and row["series"] == "water" for row in rows)
    assert "one seed" in json.loads(stem.with_name("fig5.json").read_text(encoding="utf-8"))["notes"][0]
    assert png_size(tmp_path / "fig5.png")[0] == 2160
