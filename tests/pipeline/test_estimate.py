"""What a run will cost: measured points are met, and everything follows from them in proportion."""

from __future__ import annotations

import copy
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake_interface_logger_plugins.common import LogEvent

from trajcast import shipped
from trajcast.config.settings import NetworkSettings, TrainingSettings
from trajcast.core.errors import UserError
from trajcast.pipeline.estimate.prices import FRAME_BYTES, START_S, Prices
from trajcast.pipeline.estimate.report import show
from trajcast.pipeline.estimate.speeds import Size, md_seconds, network_seconds
from trajcast.pipeline.estimate.summary import costs, total
from trajcast.pipeline.jobs import JobAnnouncer, PlannedJob, cause, read_jobs
from trajcast.pipeline.plan import Plan

ROOT = Path(__file__).parents[2]
PAPER = TrainingSettings(samples=1, seed=1, dtype="float32")
SHIPPED = "water-5fs"
CRYSTAL = Size(kind="crystal", atoms=162, edges=5012)


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    """The liquid of config.yaml alone, with studies, a model that it trains and the same as a shipped one."""
    liquid = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["systems"]["liquid"]
    liquid["runs"] = {"5fs": {"horizon_fs": 5.0}, "shipped": {"model": SHIPPED}}
    liquid["rollout"] |= {"duration_ps": 12.0, "equilibration_ps": 2.0}
    liquid["training"] |= {"network": {}, "max_epochs": 10, "budget_minutes": None}
    liquid["studies"] = {
        "thermostat": {"tau_horizons": [10.0], "seeds": [1], "steps": 1000},
        "speed": {"supercells": [[1, 1, 1], [3, 3, 3]], "steps": 100},
    }
    return {"systems": {"liquid": liquid}}


@pytest.fixture(scope="module")
def prices(values: dict[str, Any]) -> Prices:
    return Prices(Plan(values))


WILDCARDS = {"system": "liquid", "horizon": "5", "model": "model-n8000-s1", "samples": "8000", "seed": "1"}
ROLLOUT = {"system": "liquid", "run": "5fs"}


@pytest.mark.parametrize(
    ("device", "task", "edges", "ms"),
    [
        ("cpu", "rollout", 5012, 64),
        ("cpu", "training", 210, 15.8),
        ("gpu", "rollout", 446958, 371.38),
        ("gpu", "rollout", 40068, 75.16),
    ],
)
def test_measured_speeds_are_met(device: str, task: str, edges: int, ms: float) -> None:
    assert network_seconds(device, task, replace(CRYSTAL, edges=edges), PAPER) == pytest.approx(ms / 1000)


def test_time_grows_with_edges_beyond_what_was_measured_and_never_falls() -> None:
    times = [network_seconds("cpu", "rollout", replace(CRYSTAL, edges=n), PAPER) for n in (1, 210, 16554, 10**6, 10**7)]
    assert times[0] == times[1] < times[2] < times[3]
    assert times[4] / times[3] == pytest.approx(10, rel=0.05)


def test_smaller_networks_cost_less_in_proportion_to_their_messages() -> None:
    half = replace(PAPER, network=NetworkSettings(channels=32))
    doubled = replace(CRYSTAL, edges=2 * CRYSTAL.edges)
    assert network_seconds("cpu", "rollout", doubled, half) == pytest.approx(
        network_seconds("cpu", "rollout", CRYSTAL, PAPER)
    )


def test_double_precision_costs_more_on_a_cpu() -> None:
    double = replace(PAPER, dtype="float64")
    assert network_seconds("cpu", "rollout", CRYSTAL, double) > network_seconds("cpu", "rollout", CRYSTAL, PAPER)


def test_md_of_an_unknown_system_is_that_of_as_much_water() -> None:
    water = Size(kind="liquid", atoms=192, edges=0)
    assert md_seconds(Size(kind="argon", atoms=384, edges=0)) == pytest.approx(2 * md_seconds(water))


def test_a_price_is_steps_times_speed(prices: Prices) -> None:
    size, training = prices.size("liquid"), prices.plan.system("liquid").training
    assert size.atoms == 192
    assert 8000 < size.edges < 12000  # 12 Å of 5 Å spheres: 0.1 atoms/Å³ × 524 Å³ × 192 atoms
    step = network_seconds("cpu", "rollout", size, training)
    rollout = prices.of("rollout", ROLLOUT)
    assert rollout is not None
    assert rollout.cpu_s == pytest.approx(START_S + 2800 * step)  # 14 ps at 5 fs
    assert rollout.disk == pytest.approx(2400 * 192 * FRAME_BYTES)
    thermostat = prices.of("thermostat", WILDCARDS | {"tau": "10"})
    assert thermostat is not None
    assert (thermostat.cpu_s, thermostat.disk) == (pytest.approx(START_S + 1100 * step), 0)
    cells = [prices.of("speed", WILDCARDS | {"cell": cell}) for cell in ("1x1x1", "3x3x3")]
    assert cells[0] is not None
    assert cells[1] is not None
    assert (cells[1].cpu_s - START_S) / (cells[0].cpu_s - START_S) == pytest.approx(27, rel=0.3)


def test_a_shipped_model_costs_what_its_own_network_does(prices: Prices) -> None:
    record = shipped.record(SHIPPED)
    own = TrainingSettings(
        samples=1,
        seed=1,
        network=NetworkSettings(**record["network"], cutoff_A=record["cutoff_A"]),
        dtype=record["dtype"],
    )
    step = network_seconds("cpu", "rollout", prices.size("liquid", record["cutoff_A"]), own)
    rollout = prices.of("rollout", ROLLOUT | {"run": "shipped"})
    test = prices.of("evaluate", WILDCARDS | {"model": f"model-{SHIPPED}"})
    assert rollout is not None
    assert test is not None
    assert rollout.cpu_s == pytest.approx(START_S + 2800 * step)
    assert test.cpu_s == pytest.approx(START_S + (200 + 400) * step)


def test_the_second_nvt_run_costs_as_much_as_its_length(values: dict[str, Any]) -> None:
    longer = copy.deepcopy(values)
    nvt = longer["systems"]["liquid"]["reference"]["nvt"]
    nvt["second_run_ps"] = 2 * nvt["duration_ps"]
    prices = Prices(Plan(longer))
    first, second = (prices.of(rule, {"system": "liquid"}) for rule in ("nvt", "nvt_2"))
    assert first is not None
    assert second is not None
    assert (second.cpu_s, second.disk) == (pytest.approx(2 * first.cpu_s), pytest.approx(2 * first.disk))


def test_training_is_counted_to_its_last_epoch_or_the_end_of_its_budget(values: dict[str, Any], prices: Prices) -> None:
    size, training = prices.size("liquid"), prices.plan.system("liquid").training
    epoch = 2 * 8000 * network_seconds("gpu", "training", size, training)  # both ways
    epoch += 2 * 100 * network_seconds("gpu", "rollout", size, training)
    whole = prices.of("train", WILDCARDS)
    assert whole is not None
    assert whole.gpu_s == pytest.approx(10 * epoch)
    limited = copy.deepcopy(values)
    limited["systems"]["liquid"]["training"]["budget_minutes"] = 2.0
    short = Prices(Plan(limited)).of("train", WILDCARDS)
    assert short is not None
    assert short.cpu_s == short.gpu_s == 120


def test_the_equilibration_is_priced_as_it_is_recorded() -> None:
    """A frame every 10 fs, every 2 fs where starts are picked by energy; the cell's run has frames of its own."""
    systems = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["systems"]
    npt = {"duration_ps": 10.0, "pressure_bar": 1.0, "damping_fs": 100.0, "bulk_modulus_GPa": 37.0}
    systems["crystal"]["reference"]["equilibration"]["npt"] = npt
    prices = Prices(Plan({"systems": systems}))
    for name, frames, atoms in (("liquid", 1000, 192), ("crystal", 1000 + 1000, 162), ("molecule", 25000, 20)):
        price = prices.of("equilibration", {"system": name})
        assert price is not None
        assert price.disk == pytest.approx(frames * atoms * FRAME_BYTES), name


def test_costs_add_up_and_rules_without_a_price_are_named(prices: Prices, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [PlannedJob(rule="nvt", wildcards=WILDCARDS), PlannedJob(rule="rollout", wildcards=ROLLOUT)]
    jobs += [PlannedJob(rule="report", wildcards=WILDCARDS), PlannedJob(rule="sublimation", wildcards=WILDCARDS)]
    rows, unpriced = costs(prices.plan, jobs)
    assert [row.stage for row in rows] == ["reference MD", "rollouts", "other"]
    assert unpriced == ["sublimation"]
    sums, priced = total(rows), [prices.of(job.rule, job.wildcards) for job in jobs[:3]]
    assert sums.jobs == 4
    assert sums.core_hours == pytest.approx(sum(price.cpu_s for price in priced if price) / 3600)
    assert sums.core_hours_beside_gpu < sums.core_hours + sums.gpu_hours
    show(rows, unpriced)
    text = capsys.readouterr().out
    assert "Estimated cost" in text
    assert "GPU-hours are an upper bound" in text
    assert "Not counted: sublimation" in text
    show([], [])
    assert "nothing is left to do" in capsys.readouterr().out


HEAD_OF_RUN = "Assuming unrestricted shared filesystem usage.\n\nSNAKEMAKE\n  Python version: 3.11\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            f"{HEAD_OF_RUN}\nBuilding DAG of jobs...\nMissingRuleException:\nNo rule to produce x.\n",
            "MissingRuleException:\nNo rule to produce x.",
        ),
        (f"{HEAD_OF_RUN}WorkflowError in file a:\nthat is why\n", "WorkflowError in file a:\nthat is why"),
        (f"{HEAD_OF_RUN}Building DAG of jobs...\nKilled\n", "Killed"),
        ("no module of that name\n", "no module of that name"),
    ],
)
def test_the_cause_of_a_failure_is_kept(text: str, why: str) -> None:
    assert cause(text) == why


def test_announced_jobs_are_read(tmp_path: Path) -> None:
    """Of all that Snakemake logs; not those that only gather results."""
    train: dict[str, Any] = {
        "rule_name": "train",
        "wildcards": {"system": "liquid", "horizon": "1", "samples": "8000", "seed": "1"},
        "input": ["results/liquid/1fs/dataset.h5"],
        "output": ["results/liquid/1fs/model-n8000-s1/training.yaml", "results/liquid/1fs/model-n8000-s1/model.json"],
        "log": ["logs/liquid/train.log"],
        "shellcmd": "trajcast train --settings '{}'",
    }
    announcer = JobAnnouncer(tmp_path / "jobs")
    for event, facts in (
        (LogEvent.JOB_INFO, train),
        (LogEvent.JOB_INFO, {"rule_name": "all", "wildcards": None, "input": ["results/liquid/report.html"]}),
        (LogEvent.JOB_STARTED, train),
        (None, {}),
    ):
        announcer.handle(logging.makeLogRecord(facts | ({} if event is None else {"event": event})))
    assert read_jobs((tmp_path / "jobs").read_text(encoding="utf-8")) == [
        PlannedJob(
            rule="train",
            wildcards=train["wildcards"],
            inputs=tuple(train["input"]),
            outputs=tuple(train["output"]),
            log="logs/liquid/train.log",
            command="trajcast train --settings '{}'",
        )
    ]


SUPERCELLS = {"supercells": [[1, 1, 1], [1, 2, 1]], "steps": 9}


@pytest.mark.parametrize(
    ("name", "section", "changes", "said"),
    [
        (
            "liquid",
            "observables",
            {"dihedrals": {"one": [0, 1, 2, 3], "two": [0, 1, 2, 192]}},
            "observables.dihedrals.two: [0, 1, 2, 192] has an atom index above 191, the last",
        ),
        (
            "molecule",
            "rollout",
            {"supercell": [1, 1, 2]},
            "runs.paracetamol-7fs.rollout.supercell: [1, 1, 2] repeats a direction that is not periodic",
        ),
        (
            "molecule",
            "runs",
            {"trained-here": {"horizon_fs": 7.0, "rollout": {"supercell": [2, 1, 1]}}},
            "runs.trained-here.rollout.supercell: [2, 1, 1] repeats a direction that is not periodic",
        ),
        ("molecule", "studies", {"speed": SUPERCELLS}, "studies.speed.supercells: [1, 2, 1] repeats a direction"),
    ],
)
def test_what_the_structure_does_not_have_is_refused(
    name: str, section: str, changes: dict[str, Any], said: str
) -> None:
    """Dihedrals of atoms that are not there, and supercells of a molecule in vacuum."""
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["systems"]
    values[name][section] |= changes
    with pytest.raises(UserError) as caught:
        Prices(Plan({"systems": {name: values[name]}})).of("nvt", {"system": name})
    assert str(caught.value).startswith(f"config.yaml: systems.{name}.{said}")


def test_a_shipped_model_of_other_elements_is_refused_before_anything_runs(values: dict[str, Any]) -> None:
    changed = copy.deepcopy(values)
    changed["systems"]["liquid"]["runs"] = {"wrong": {"model": "quartz-30fs"}}
    changed["systems"]["liquid"]["rollout"] |= {"duration_ps": 12.0, "equilibration_ps": 3.0}
    with pytest.raises(
        UserError,
        match=r"liquid\.runs\.wrong\.model: quartz-30fs was trained on the elements O, Si, but this system also has H",
    ):
        Prices(Plan(changed)).size("liquid")
