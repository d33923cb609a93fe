"""What the paper's figures compute: learning-curve exponents, means over seeds, internal coordinates, parity."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import yaml
from paper_results import accuracy, two_temperatures, write_frames, write_test
from report_folder import outcome as ended

from trajcast.core.errors import UserError
from trajcast.figures import drawing
from trajcast.figures.paper import fig2, figS1, figS2, figS3, tableS1, tableS2
from trajcast.figures.paper.model_errors import ModelErrors, best_trained, exponent, over_seeds, read_model_errors
from trajcast.figures.published import SUBSTANCES, published, published_errors, published_result
from trajcast.figures.style import PUBLISHED
from trajcast.io.files import write_json
from trajcast.io.trajectory import Trajectory
from trajcast.observables.result import Result, Scalar
from trajcast.reference.systems import molecule

SHIPPED = Path(__file__).parents[2] / "config.yaml"
SIZES = (500, 1000, 2000, 5000)


def noisy_power_law(rng: np.random.Generator, s: float, noise: float, seeds: int) -> list[ModelErrors]:
    """Errors 3 % × (samples/1000)^s with a factor of exp(noise × normal deviate) each."""
    return [
        accuracy(
            samples=samples,
            seed=seed,
            velocity_percent=float(3.0 * (samples / 1000) ** s * np.exp(noise * rng.normal())),
        )
        for seed in range(1, seeds + 1)
        for samples in SIZES
    ]


@pytest.mark.parametrize("s", [-0.5, -0.42, -0.1])
def test_exponent_of_an_exact_power_law_is_found(s: float) -> None:
    found = exponent(noisy_power_law(np.random.default_rng(1), s, 0.0, seeds=3), 7.0, "velocity_percent")
    assert found is not None
    assert abs(found.value - s) < 1e-12
    assert found.error is not None
    assert found.error < 1e-12
    assert found.seeds == 3


def test_errors_of_exponents_from_seeds_are_those_of_repeated_experiments() -> None:
    rng, s, noise, seeds = np.random.default_rng(2), -0.45, 0.05, 4
    fits = [exponent(noisy_power_law(rng, s, noise, seeds), 7.0, "velocity_percent") for _ in range(400)]
    values = np.array([fit.value for fit in fits if fit])
    errors = np.array([fit.error for fit in fits if fit])
    x = np.log(SIZES)
    theory = noise / np.sqrt(((x - x.mean()) ** 2).sum() * seeds)  # of least squares with equal errors
    assert abs(values.mean() - s) < 4 * theory / np.sqrt(400)
    assert values.std(ddof=1) == pytest.approx(theory, rel=4 / np.sqrt(2 * 400))
    assert np.sqrt((errors**2).mean()) == pytest.approx(theory, rel=4 / np.sqrt(2 * 3 * 400))


def test_one_seed_has_no_error_and_one_size_no_exponent() -> None:
    one_seed = noisy_power_law(np.random.default_rng(3), -0.5, 0.1, seeds=1)
    found = exponent(one_seed, 7.0, "velocity_percent")
    assert found is not None
    assert found.error is None
    one_size = [error for error in one_seed if error.samples == SIZES[0]]
    assert exponent(one_size, 7.0, "velocity_percent") is None
    assert exponent(one_seed, 1.0, "velocity_percent") is None


def test_means_over_seeds_have_the_standard_error() -> None:
    found = over_seeds([1.0, 2.0, 6.0])
    assert found.value == 3.0
    assert found.error == pytest.approx(np.sqrt(7 / 3))  # variance 7 of three


def test_most_samples_or_a_finished_model_stand_for_a_horizon() -> None:
    errors = [accuracy(samples=n, seed=seed) for n in (10, 40) for seed in (1, 2)]
    assert best_trained(errors, 7.0) == [error for error in errors if error.samples == 40]
    finished = accuracy(samples=None, seed=None)
    assert best_trained([*errors, finished], 7.0) == [finished]


def test_table_s1_sets_means_over_seeds_beside_the_published_errors(tmp_path: Path) -> None:
    paths = [p for seed, a in ((1, 1.0e-4), (2, 3.0e-4)) for p in write_test(tmp_path, 7.0, 40, seed, a)]
    table = tableS1.draw({"molecule": paths})
    drawing.save(table, tmp_path / "tableS1")
    with open(tmp_path / "tableS1.csv", encoding="utf-8", newline="") as handle:
        rows = {(row["system"], float(row["Δt / fs"])): row for row in csv.DictReader(handle)}
    assert len(rows) == 8 + 7 + 8  # every published horizon
    row = rows["paracetamol", 7.0]
    assert float(row["Δr / 10⁻⁵ Å"]) == pytest.approx(20.0)
    assert float(row["± Δr / 10⁻⁵ Å"]) == pytest.approx(10.0)
    assert float(row["Δr / 10⁻⁵ Å, published"]) == 15.89
    assert row["samples"] == "40"
    assert row["seeds"] == "2"
    assert rows["quartz", 30.0]["v′ / %"] == ""
    assert float(rows["quartz", 30.0]["v′ / %, published"]) == 3.96


def test_learning_curves_hold_every_size_with_its_error(tmp_path: Path) -> None:
    paths = [p for n in (10, 40) for seed in (1, 2) for p in write_test(tmp_path, 7.0, n, seed, 1e-4 * seed / n)]
    figure = figS1.draw({"molecule": paths})
    ours = [row for row in figure.rows if row[0] == "paracetamol, MAE of Δr / %" and row[1] == "7 fs"]
    assert [row[2] for row in ours] == [10, 40]
    percent = [error.displacement_percent for error in read_model_errors(paths) if error.samples == 10]
    assert ours[0][4] == pytest.approx(np.mean(percent))
    assert ours[0][5] == pytest.approx(abs(percent[0] - percent[1]) / 2)  # standard error of two
    assert ["paracetamol, MAE of Δr / %", "7 fs, published", 10000, None, 0.38, None] in [list(r) for r in figure.rows]
    assert figure.notes == []
    alone = figS1.draw({"molecule": paths[:2]})
    assert "one seed" in alone.notes[0]
    assert all(row[5] is None for row in alone.rows)


def test_thermostat_study_averages_seeds_and_leaves_out_what_ended(tmp_path: Path) -> None:
    paths = two_temperatures(tmp_path)
    figure = figS2.draw({"crystal": paths})
    off = [row for row in figure.rows if row[0] == "quartz, ⟨T⟩ − target / K"]
    assert [row[1:5] for row in off] == [["τ = 10 Δt", 5.0, None, 3.0]]
    assert off[0][5] == pytest.approx(1.0)  # 302 and 304 K
    theory = [row for row in figure.rows if row[1] == "theory"]
    assert theory[0][4] == pytest.approx(19.3)
    assert figure.notes[0] == "quartz, ensemble of the rollouts: NVT (CSVR ELEMENTS); in the paper: NVT (CSVR)."
    assert "1 of 3 rollouts are excluded because they ended early: 5 fs with τ = 50 Δt (too hot)" in figure.notes[1]


@pytest.mark.parametrize(("kind", "largest_K"), [("molecule", [15.0]), ("crystal", [40.0]), ("liquid", [])])
def test_thermostat_study_stands_beside_the_published_numbers(
    tmp_path: Path, kind: str, largest_K: list[float]
) -> None:
    figure = figS2.draw({kind: two_temperatures(tmp_path)})
    assert figure.figure is not None
    above, below = figure.figure.axes
    levels = {line.get_ydata()[0] for line in above.lines if line.get_color() == PUBLISHED["color"]}
    assert levels == {sign * value for value in largest_K for sign in (-1, 1)}
    found = [row[4] for row in figure.rows if row[0] == f"{SUBSTANCES[kind]}, |⟨T⟩ − target| / K"]
    assert found == largest_K
    (width,) = [row[4] for row in figure.rows if row[1] == "theory, published"]
    assert width == pytest.approx(300 * np.sqrt(2 / 486))  # 162 atoms
    assert [line.get_ydata()[0] for line in below.lines if line.get_color() == PUBLISHED["color"]] == [width]


def free_energy(barriers: list[Scalar]) -> Result:
    return Result(observable="free_energy", title="F", x_label="°", y_label="meV", curves=[], scalars=barriers)


@pytest.mark.parametrize("kelvin", [300.0, 600.0])
def test_barriers_differ_by_so_many_kT_at_the_temperature_of_the_run(tmp_path: Path, kelvin: float) -> None:
    barriers = {"md": (100.0, 3.0), "rollout": (140.0, 4.0)}
    for method, (value, error) in barriers.items():
        (tmp_path / method).mkdir()
        found = [
            Scalar(key="barrier.ψ1", name="barrier of ψ1", value=value, error=error, unit="meV"),
            Scalar(key="barrier.ψ2", name="barrier of ψ2", value=None, error=None, unit="meV", note="never came there"),
        ]
        free_energy(found).save(tmp_path / method / "free_energy.json")
    write_json(tmp_path / "summary.json", {"rows": []})
    write_json(tmp_path / "outcome.json", ended(7.0, ensemble="NVE"))
    rollout = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))["systems"]["molecule"]["rollout"]
    (tmp_path / "rollout.yaml").write_text(yaml.safe_dump(rollout | {"temperature_K": kelvin}), encoding="utf-8")
    sources = {"summary": "summary.json", "outcome": "outcome.json", "settings": "rollout.yaml"}
    figure = fig2.draw({role: [str(tmp_path / name)] for role, name in sources.items()})
    thermal = 25.852 * kelvin / 300  # meV
    (row,) = [row for row in figure.rows if row[1] == "rollout − MD"]
    assert row[0] == "barrier of ψ1 / kT"
    assert row[4:] == pytest.approx([40 / thermal, 5 / thermal], rel=1e-4)
    assert ["|difference of barriers| / kT", "published", None, None, 1.0, None] in [list(row) for row in figure.rows]
    assert f"here kT = {thermal:.1f} meV" in figure.caption
    assert figure.notes[0] == "Ensemble of the rollout: NVE; in the paper: NVT (CSVR)."


def test_internal_coordinates_of_paracetamol_follow_its_bonds(tmp_path: Path) -> None:
    spec, positions = molecule.structure(molecule.Parameters(), 1)
    path = write_frames(tmp_path / "md.h5md", spec, np.array([positions, positions + 0.5]))
    with Trajectory(path) as trajectory:
        what = figS3.internal_coordinates(trajectory)
        assert what == {"O–O / Å": [2, 8], "N–H / Å": [3, 14], "C–O–H / °": [7, 8, 17]}
        bond = figS3.values(trajectory, what["N–H / Å"])
        angle = figS3.values(trajectory, what["C–O–H / °"])
    assert bond == pytest.approx([np.linalg.norm(positions[3] - positions[14])] * 2, abs=1e-5)
    assert 100 < angle[0] < 120


def test_angle_is_that_at_the_atom_in_the_middle(tmp_path: Path) -> None:
    spec, _ = molecule.structure(molecule.Parameters(), 1)
    frames = np.zeros((1, spec.n_atoms, 3))
    frames[0, :3] = [[1.0, 0, 0], [0, 0, 0], [-0.5, np.sqrt(0.75), 0]]
    path = write_frames(tmp_path / "md.h5md", spec, frames)
    with Trajectory(path) as trajectory:
        assert figS3.values(trajectory, [0, 1, 2]) == pytest.approx([120.0], abs=1e-4)


def test_molecule_without_these_groups_is_refused(tmp_path: Path) -> None:
    spec, positions = molecule.structure(molecule.Parameters(), 1)
    path = write_frames(tmp_path / "md.h5md", spec, np.array([3 * positions]))  # no bond is left
    with Trajectory(path) as trajectory, pytest.raises(UserError, match=r"leave studies\.same_start out"):
        figS3.internal_coordinates(trajectory)


def test_published_tables_are_whole_and_cited() -> None:
    assert [len(published_errors(kind)) for kind in ("molecule", "crystal", "liquid")] == [8, 7, 8]
    assert published_errors("liquid")[5.0]["velocity_mae_percent"] == "0.37"
    assert len(published("table_s2")) == 7
    for row in published("table_s2"):  # the two ways to tell a speed agree: 1000 steps in so many seconds
        expected = 1000 * float(row["horizon_fs"]) * 1e-6 / float(row["s_per_1000_steps"]) * 86400
        assert float(row["ns_per_day"]) == pytest.approx(expected, abs=0.0051)  # two decimals
    assert published_result("fig4", "D of the rollout")["error"] == "0.19"


def test_speeds_stand_before_the_published_ones(tmp_path: Path) -> None:
    speed = {
        "atoms": 20,
        "supercell": [1, 1, 1],
        "horizon_fs": 7.0,
        "ms_per_step": 12.5,
        "ns_per_day": 48.4,
        "outcome": "too hot",
        "device": "cpu",
        "threads": 1,
        "parameters": 1234,
        "dtype": "float32",
        "provenance": {"machine": {"processor": "a processor"}, "settings": {"thermostat": "csvr_elements"}},
    }
    write_json(tmp_path / "1x1x1.json", speed)
    table = tableS2.draw({"molecule": [str(tmp_path / "1x1x1.json")]})
    molecules = [row for row in table.rows if row[0] == "paracetamol"]
    assert molecules[0][:7] == ["paracetamol", "1×1×1", 20, 7.0, 12.5, 48.4, "CPU, 1 thread(s), a processor"]
    assert [row[table.columns.index("thermostat")] for row in molecules] == ["csvr_elements", "csvr"]
    assert molecules[1][4:6] == [57.65, 10.49]
    assert len(table.rows) == 1 + 7
    assert "timed with fixed atoms: paracetamol 1×1×1 at 7 fs (too hot)" in table.notes[0]
