"""The page is complete and honest whatever the results are, and says what is missing."""

from __future__ import annotations

import base64
import re
import shutil
from pathlib import Path

import pytest
from page_elements import Elements, page_of
from report_folder import HORIZONS_FS, MODEL, edit_json, models_of, result, write_model, write_run, write_trajectory

from trajcast.cli import main
from trajcast.core.errors import UserError
from trajcast.figures.curves import observable_figure
from trajcast.figures.report.inputs import read_study
from trajcast.figures.report.model_tables import repeated_steps_table
from trajcast.figures.report.model_tables import test_error_table as errors_table
from trajcast.figures.report.page import write_report
from trajcast.io.files import write_json
from trajcast.io.provenance import provenance

HOT = {"outcome": "too hot", "reason": "temperature 812 K exceeds 600 K", "step": 7, "time_ps": 0.0}


def test_tables_hold_the_numbers_of_the_results(complete_page: Path) -> None:
    page = Elements(complete_page.read_text(encoding="utf-8"))
    assert len(page.verdict("centre / Å")) == 6  # two observables at three horizons
    numbers = ["3.00 ± 0.10", "3.05 ± 0.10", "3.02 ± 0.10"]
    assert page.verdict("centre / Å")[0][1:] == [*numbers, "–", "✓ yes", "✓ yes", "± 0.20: ✓"]
    assert page.verdict("centre / Å")[-1][-3:] == ["✗ no", "✓ yes", "± 0.20: ✗"]
    assert page.verdict("score, profile of O")[0][1:] == ["–", "0.980", "0.985", "–", "✓ yes", "✓ yes", "−0.01: ✓"]
    assert page.starting("Δt = 2 fs", "NVT (CSVR)", "completed", "0.12 of 0.12", "60 of 60", "51")
    model = ["n40-s1", "12\u2009345", "5.0 min, cpu", "20", "4.80", "0.610", "1.62", "1.23"]
    assert page.starting("n40-s1")[1] == model
    assert page.starting("published")[1][4:] == ["0.91", "0.05", "0.88", "0.09"]
    assert page.starting("nve_1")[0][4:6] == ["−0.0012", "297.0 ± 2.5"]
    assert page.starting("LAMMPS (δt = 0.5 fs)")[0][-2:] == ["43.2", "1"]
    assert page.starting("rollout, Δt = 5 fs")[0][-2:] == ["4.00", "0.0926"]
    assert page.starting("torch")
    assert page.starting("reference", "3")  # its seed


def test_the_speed_up_is_told_at_each_ones_largest_safe_step(folder: Path, tmp_path: Path) -> None:
    """The reference at 2 fs, not the 0.5 fs of its runs, against the largest horizon that was completed."""
    safe = {"timestep_fs": 2.0, "steps_per_s": 10.0, "ns_per_day": 1.728, "threads": 1, "device": "cpu"}
    timestep = tmp_path / "timestep.json"
    write_json(timestep, {"safe": safe | {"drift_meV_per_atom_per_ps": 0.012}})
    edit_json(folder / "reference/health.json", warnings=["atoms are far from what was learned"])
    output = tmp_path / "report.html"
    write_report(folder, models_of(folder), output, timestep=[timestep])
    text = output.read_text(encoding="utf-8")
    page = Elements(text)
    assert page.starting("LAMMPS (δt = 2 fs, largest that conserves energy)")[0][-2:] == ["1.73", "0.0400"]
    assert "With the largest safe step of each method, MD (2 fs, drift 0.012 meV/atom/ps) simulates 1.73 ns/day" in text
    assert "rollout (5 fs, completed) 4.00 ns/day: a factor of 2.31." in text
    assert "Warning of the potential: atoms are far from what was learned" in text


def test_figures_are_numbered_and_described(complete_page: Path) -> None:
    page = Elements(complete_page.read_text(encoding="utf-8"))
    images = [attributes for tag, attributes in page.attributes if tag == "img"]
    assert [re.match(r"Figure (\d+)\. ", caption.strip())[1] for caption in page.captions] == list("12345")
    assert len(images) == 5
    for image in images:
        assert len(image["alt"]) > 30
        kind, data = image["src"].split(",", 1)
        assert kind == "data:image/svg+xml;base64"
        assert b"<svg" in base64.b64decode(data)
    scopes = [attributes.get("scope") for tag, attributes in page.attributes if tag == "th"]
    assert scopes
    assert None not in scopes


def test_the_page_is_reproducible(folder: Path, complete_page: Path) -> None:
    assert page_of(folder) == complete_page.read_text(encoding="utf-8")


@pytest.mark.parametrize("frames", [0, 1])
def test_a_rollout_that_failed_gives_a_whole_page(folder: Path, frames: int) -> None:
    shutil.rmtree(folder / "runs/5fs")
    write_run(folder / "runs/5fs", 5.0, frames=frames, ended=HOT | {"ns_per_day": None})
    text = page_of(folder)
    page = Elements(text)
    assert len(page.captions) == 5
    (row,) = page.starting("Δt = 5 fs", "NVT (CSVR)", "too hot")
    assert row[3:6] == ["0 of 0.3", "7 of 60", str(frames)]
    assert row[-1] == HOT["reason"]
    assert (row[6] == "–") == (frames == 0)
    assert (
        "Not entirely.</strong> Δt = 5 fs, NVT (CSVR): rollout ended early (too hot) at 0 ps of 0.3 ps; 0 of 0" in text
    )
    assert "rollout (5fs): not measured: no frames" in text
    nothing = ["centre / Å", "3.00 ± 0.10", "–", "3.02 ± 0.10", "–", "–", "✓ yes", "–"]
    assert page.verdict("centre / Å")[-1] == nothing


def test_a_new_observable_appears_by_itself(folder: Path) -> None:
    for horizon in HORIZONS_FS:
        for where, shift in (("md", 0.0), ("rollout", 0.3)):
            new = result("tetrahedrality", shift=shift, seed=1, curves=("order parameter",), title="Tetrahedral order")
            new.save(folder / f"runs/{horizon:g}fs/observables" / where / "tetrahedrality.json")
    text = page_of(folder)
    captions = Elements(text).captions
    assert len(captions) == 6
    assert sum("Tetrahedral order" in caption for caption in captions) == 1
    assert "for order parameter, reference MD and rollout Δt = 1 fs, Δt = 2 fs and Δt = 5 fs" in text


def test_a_runaway_rollout_does_not_flatten_the_reference(folder: Path) -> None:
    wild = result("profile", shift=0.0, seed=3)
    edit_json(
        folder / "runs/5fs/observables/rollout/profile.json",
        curves=[{"name": c.name, "x": c.x, "y": [1e4 * y for y in c.y]} for c in wild.curves],
    )
    figure = observable_figure("profile", read_study(folder, models_of(folder)).runs, range(3))
    assert figure is not None
    texts = [[text.get_text() for text in ax.texts] for ax in figure.axes]
    assert [any("exceeds the axis range" in text for text in panel) for panel in texts] == [False, False, True] * 2
    for ax in figure.axes:
        low, high = ax.get_ylim()
        assert -1.5 < low < 0 < 1 < high < 2.5


def test_marks_theory_and_limits_are_drawn(folder: Path) -> None:
    theory = [{"name": "O", "x": [0.0, 10.0], "y": [0.0, 1.0]}]
    for horizon in HORIZONS_FS:
        edit_json(
            folder / f"runs/{horizon:g}fs/observables/md/profile.json",
            theory=theory,
            x_limits=[0, 9],
            marks={"far": 50},
        )
    figure = observable_figure("profile", read_study(folder, models_of(folder)).runs, range(3))
    assert figure is not None
    assert figure.axes[0].get_xlim() == (0, 9)
    assert "theory" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert any(list(line.get_xdata()) == [0.0, 10.0] for line in figure.axes[0].lines)
    labels = [text.get_text() for text in figure.axes[0].texts]
    assert "Nyquist" in labels  # of the rollout, inside
    assert "far at 50 →" in labels


def test_text_from_results_is_escaped(folder: Path) -> None:
    hostile = "<script>alert('x')</script>"
    record = provenance(
        "reference",
        {
            "system": hostile,
            "engine": hostile,
            "temperature_K": 300.0,
            "timestep_fs": 0.5,
            "nve": {"runs": 2},
            "seed": 1,
            hostile: hostile,
        },
        speed={"steps_per_s": 1.0, "ns_per_day": 1.0, "threads": 1},
    )
    write_trajectory(folder / "reference/nvt.h5md", frames=3, interval_fs=1.0, record=record, seed=1)
    edit_json(folder / "runs/1fs/outcome.json", reason=hostile, outcome=hostile, device=hostile)
    edit_json(folder / "runs/1fs/observables/md/profile.json", title=hostile, caption=hostile, note='"><img src=x>')
    text = page_of(folder)
    assert "<script" not in text
    assert "<img src=x" not in text
    assert text.count("&lt;script&gt;") >= 6
    assert "script" not in {tag for tag, _ in Elements(text).attributes}


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("reference/health.json", "reference"),
        ("reference/literature.json", "reference"),
        ("reference/nvt.h5md", "reference"),
        (f"2fs/{MODEL}/model.json", "train"),
        (f"2fs/{MODEL}/metrics.csv", "train"),
        (f"2fs/{MODEL}/test.json", "evaluate"),
        ("runs/2fs/rollout.h5md", "rollout"),
        ("runs/2fs/outcome.json", "rollout"),
        ("runs/2fs/observables/summary.json", "observe"),
    ],
)
def test_a_missing_file_is_named_with_the_command_that_makes_it(
    folder: Path, path: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / path).unlink()
    models = [str(model) for model in models_of(folder, 1.0, 2.0).values()]
    arguments = ["--folder", str(folder), "--runs", "1fs", "2fs", "--models", *models]
    assert main(["report", *arguments, "--output", str(folder / "r.html")]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert f"{folder / path}: no such file, the report needs it; make it with: trajcast {command} --" in message
    assert not (folder / "r.html").exists()


def test_malformed_files_are_named(folder: Path) -> None:
    test = folder / f"1fs/{MODEL}/test.json"
    whole = test.read_text(encoding="utf-8")
    for broken, complaint in ((whole[:40], "not valid JSON"), ('{"frames": 3}', "lacks displacement_mae_A")):
        test.write_text(broken, encoding="utf-8")
        with pytest.raises(UserError, match=complaint):
            read_study(folder, models_of(folder, 1.0))
    test.write_text(whole, encoding="utf-8")
    edit_json(folder / "runs/1fs/observables/summary.json", rows=[{"quantity": "x"}])
    with pytest.raises(UserError, match="a row lacks observable, unit"):
        read_study(folder, models_of(folder, 1.0))
    edit_json(folder / f"1fs/{MODEL}/model.json", horizon_fs=3.0)
    with pytest.raises(UserError, match=r"horizon of the model is 3 fs, but .*runs/1fs was rolled out with 1 fs"):
        read_study(folder, models_of(folder, 1.0))


def test_every_rollout_needs_a_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(folder / f"1fs/{MODEL}")
    arguments = ["--folder", str(folder), "--runs", "1fs", "2fs", "--models", model, "--output", str(folder / "r.html")]
    assert main(["report", *arguments]) == 2
    assert "--models has 1 folders for 2 rollouts; give one for each" in capsys.readouterr().err


def test_rollouts_of_one_model_are_told_apart_by_name(folder: Path) -> None:
    write_run(folder / "runs/again", 2.0, seed=9)
    models = models_of(folder, 2.0)
    page = Elements(page_of(folder, models | {"again": models["2fs"]}))
    assert page.starting("Δt = 2 fs", "NVT (CSVR)")
    assert page.starting("again, Δt = 2 fs", "NVT (CSVR)")
    assert len([row for row in page.starting("n40-s1") if len(row) == 8]) == 1  # its errors
    assert page.starting("Δt = 2 fs, rollouts 2fs and again")


def test_published_errors_stand_only_where_system_and_horizon_match(folder: Path) -> None:
    models = models_of(folder, 2.0, 3.0)
    write_model(models["3fs"], 3.0)
    write_run(folder / "runs/3fs", 3.0)
    table = errors_table(read_study(folder, models))
    assert [(heading, [row[0].text for row in rows]) for heading, rows in table.groups] == [
        ("Δt = 2 fs, rollout 2fs", ["n40-s1", "published"]),
        ("Δt = 3 fs, rollout 3fs", ["n40-s1"]),  # the paper has paracetamol, but no water, at 3 fs
    ]
    assert "published" in table.caption
    study = read_study(folder, models_of(folder, 2.0))
    study.settings["potential"] = "sevennet-0"  # not what the paper learned from
    alone = errors_table(study)
    assert [[row[0].text for row in rows] for _, rows in alone.groups] == [["n40-s1"]]
    assert "published" not in alone.caption + "".join(alone.notes)


def test_job_timings_are_shown_where_the_workflow_kept_them(folder: Path) -> None:
    logs = folder.parent / "logs"
    (logs / "1fs").mkdir(parents=True)
    header = "s\th:m:s\tmax_rss\tmax_vms\tcpu_time\n"
    (logs / "1fs" / "train.tsv").write_text(f"{header}301.2\t0:05:01\t2210.5\t1\t300.1\n", encoding="utf-8")
    (logs / "quick.tsv").write_text(f"{header}0.4\t0:00:00\t-\t-\tNA\n", encoding="utf-8")
    write_report(folder, models_of(folder, 1.0), folder / "report.html", logs)
    page = Elements((folder / "report.html").read_text(encoding="utf-8"))
    assert page.starting("1fs/train") == [["1fs/train", "5.0 min", "2.16", "5.0 min"]]
    assert page.starting("quick") == [["quick", "0.4 s", "–", "–"]]


def test_errors_of_several_steps_stand_with_their_standard_errors(folder: Path) -> None:
    table = repeated_steps_table(read_study(folder, models_of(folder, 2.0)))
    assert table is not None
    assert table.columns == ["Steps", "Δr / %", "v′ / %", "Kinetic energy of H", "Kinetic energy of O"]
    ((heading, rows),) = table.groups
    assert heading == "n40-s1"
    assert [[cell.text for cell in row] for row in rows] == [
        ["1", "0.500 ± 0.020", "1.500 ± 0.040", "2.5 ± 1.2", "−3.10 ± 0.80"],
        ["10", "5.000 ± 0.020", "15.000 ± 0.040", "25.0 ± 1.2", "−31.00 ± 0.80"],
    ]
