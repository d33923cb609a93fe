"""The state of jobs, from the files that commands leave while they run, when they end, and when they are killed."""

from __future__ import annotations

import json
import os
import shlex
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from trajcast.config.settings import GuardSettings, RolloutSettings, TrainingSettings
from trajcast.config.validation import section_json, section_values
from trajcast.core.errors import UserError
from trajcast.io.files import write_json
from trajcast.io.heartbeat import heartbeat, record_path, update_heartbeat
from trajcast.pipeline.jobs import PlannedJob, planned_jobs
from trajcast.pipeline.status.logs import last_lines, logs_of, matching
from trajcast.pipeline.status.models import rollout_progress, validation
from trajcast.pipeline.status.states import SILENT_AFTER_S, JobState, Seen, states
from trajcast.pipeline.status.tables import page, status
from trajcast.training.metrics import write_csv

FOLDER = "results/liquid/5fs/model-n40-s1"
WILDCARDS = {"system": "liquid", "horizon": "5"}
TRAIN = PlannedJob(
    rule="train",
    wildcards=WILDCARDS | {"samples": "40", "seed": "1"},
    outputs=(f"{FOLDER}/model.safetensors", f"{FOLDER}/model.json", f"{FOLDER}/metrics.csv"),
    log="logs/train.log",
)
RUN = "results/liquid/runs/hot"
ROLLOUT = PlannedJob(
    rule="rollout",
    wildcards={"system": "liquid", "run": "hot"},
    outputs=(f"{RUN}/rollout.h5md", f"{RUN}/outcome.json"),
    log="logs/rollout.log",
)
EVALUATE = PlannedJob(rule="evaluate", wildcards=WILDCARDS, outputs=(f"{FOLDER}/test.json",), log="logs/evaluate.log")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("logs").mkdir()
    return tmp_path


def state(job: PlannedJob) -> Seen:
    [one] = states([job], [job])
    return one


def text(*jobs: Seen) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(status(jobs))
    return capture.get()


def test_jobs_that_are_not_to_do_are_done() -> None:
    assert [one.state for one in states([TRAIN, ROLLOUT], [ROLLOUT])] == [JobState.DONE, JobState.WAITING]


def test_training_runs_while_its_folder_is_written_and_its_test_waits() -> None:
    with heartbeat(Path(FOLDER)):
        assert (state(TRAIN).state, state(EVALUATE).state) == (JobState.RUNNING, JobState.WAITING)
    assert state(TRAIN).state is JobState.WAITING


def test_time_left_follows_from_the_speed_so_far() -> None:
    with heartbeat(Path(ROLLOUT.outputs[0])):
        update_heartbeat(label="rollout at 5 fs", unit="steps", first=100, done=300, total=1100, since=time.time() - 20)
        record = json.loads(record_path(Path(ROLLOUT.outputs[0])).read_text(encoding="utf-8"))
        assert state(ROLLOUT).left_s is None  # nothing told yet
    now = time.time()
    record |= {"first": 100, "done": 300, "total": 1100, "since": now - 20, "updated": now}
    assert Seen(job=ROLLOUT, state=JobState.RUNNING, record=record).left_s == pytest.approx(80.0)
    assert Seen(job=ROLLOUT, state=JobState.RUNNING, record=record | {"done": 100}).left_s is None


def test_silence_means_that_a_process_is_gone() -> None:
    path = record_path(Path(ROLLOUT.outputs[0]))
    write_json(path, {"node": "c1", "slurm_job": "7", "started": 0.0, "updated": 0.0})
    assert state(ROLLOUT).state is JobState.RUNNING
    long_ago = time.time() - SILENT_AFTER_S - 1
    os.utime(path, (long_ago, long_ago))
    assert state(ROLLOUT).state is JobState.STOPPED
    assert "ended without a message: killed?" in text(state(ROLLOUT))


def test_errors_are_told_by_the_process_or_stand_in_the_log() -> None:
    def fail() -> None:
        with heartbeat(Path(ROLLOUT.outputs[0])):
            raise UserError("atoms overlap at the start")

    with pytest.raises(UserError):
        fail()
    Path("logs/evaluate.log").write_text("begin\ntrajcast evaluate: error: no such file\n", encoding="utf-8")
    assert [state(job).state for job in (ROLLOUT, EVALUATE)] == [JobState.FAILED, JobState.FAILED]
    shown = text(state(ROLLOUT), state(EVALUATE))
    assert "atoms overlap at the start" in shown
    assert "no such file" in shown
    assert "logs/evaluate.log" in shown


def test_the_last_validation_and_the_time_left_of_training() -> None:
    settings = TrainingSettings(samples=40, seed=1, max_epochs=10, budget_minutes=60.0)
    write_json(f"{FOLDER}/training.yaml", section_values(settings))  # JSON is YAML
    assert validation(state(TRAIN)) is None
    row = {"learning_rate": 0.01, "training_loss": 1.0, "validation_loss": 1.0}
    rows = [
        {"epoch": 1, "time_s": 50.0, "displacement_mae_percent": 9.0, "velocity_mae_percent": 8.0} | row,
        {"epoch": 2, "time_s": 100.0, "displacement_mae_percent": 3.5, "velocity_mae_percent": 7.25} | row,
    ]
    write_csv(Path(f"{FOLDER}/metrics.csv"), rows)
    last = validation(state(TRAIN))
    assert last is not None
    assert (last.epoch, last.displacement_percent, last.velocity_percent) == (2, 3.5, 7.25)
    assert last.left_s == pytest.approx(400.0)
    assert validation(Seen(job=TRAIN, state=JobState.DONE)).left_s == 0.0
    assert "7.25" in text(state(TRAIN))


def test_rollouts_tell_their_nanoseconds_after_equilibration() -> None:
    guard = GuardSettings(min_temperature_K=0.0, max_temperature_K=1e3, min_distance_A=0.5)
    settings = RolloutSettings(duration_ps=2000.0, equilibration_ps=100.0, temperature_K=300.0, seed=1, guard=guard)
    write_json(f"{RUN}/rollout.yaml", section_values(settings))
    assert rollout_progress(state(ROLLOUT)) is None
    assert rollout_progress(Seen(job=ROLLOUT, state=JobState.RUNNING, record={})) is None  # nothing told yet
    running = Seen(job=ROLLOUT, state=JobState.RUNNING, record={"done": 120_000, "total": 420_000})  # of 5 fs
    found = rollout_progress(running)
    assert found is not None
    assert (found.ns, found.planned_ns) == (pytest.approx(0.5), 2.0)
    Path(f"{RUN}/rollout.yaml").unlink()  # as Snakemake does when a job fails
    stopped = replace(running, state=JobState.STOPPED)
    assert rollout_progress(stopped) is None
    command = shlex.join(["trajcast", "rollout", "--settings", section_json(settings), "--seed", "1"])
    assert rollout_progress(replace(stopped, job=replace(ROLLOUT, command=command))) == found
    write_json(ROLLOUT.outputs[1], {"time_ps": 2000.0, "planned_ps": 2000.0, "outcome": "completed"})
    finished = rollout_progress(Seen(job=ROLLOUT, state=JobState.DONE))
    assert finished is not None
    assert (finished.ns, finished.ending) == (2.0, "completed")


def test_models_and_rollouts_have_rows_of_their_own() -> None:
    """Also those of several replicas; not the rollouts of studies, which no run has."""
    outcome = {"time_ps": 1.0, "planned_ps": 2.0, "outcome": "too hot"}
    write_json(f"{RUN}/outcome.json", outcome)
    jobs = [
        replace(ROLLOUT, rule="rollout_3_replicas"),
        replace(ROLLOUT, rule="cooling_rollout", wildcards=WILDCARDS),
    ]
    shown = text(*(Seen(job=job, state=JobState.DONE) for job in jobs))
    rows = [line.split() for line in shown.split("Models and their rollouts")[1].splitlines() if "liquid" in line]
    assert rows == [["liquid", "rollout", "hot", *("–",) * 5, "0.001", "0.002", "too", "hot"]]


def test_the_page_stands_alone() -> None:
    Path("logs/evaluate.log").write_text("trajcast evaluate: error: <b>no such file</b>\n", encoding="utf-8")
    html = page(status([state(EVALUATE)]), "here, today")
    assert html.startswith("<!DOCTYPE html>")
    assert "&lt;b&gt;no such file" in html
    assert "http" not in html


SNAKEFILE = """
import os
from snakemake.logging import logger
from trajcast.pipeline.jobs import ANNOUNCE, JobAnnouncer

logger.addHandler(JobAnnouncer(os.environ.pop(ANNOUNCE)))

rule all:
    input: "a/tau=1,5/model.safetensors", "a/tau=2/model.safetensors"

rule train:
    output: weights="a/{tau}/model.safetensors", record="a/{tau}/model, first.json"
    input: "b, c.h5"
    log: "logs/{tau}.log"
    params: settings='{"seed": 1, "dtype": "float32"}'
    shell: "train --settings {params.settings:q} --output {output.weights:q} 2>&1 | tee {log:q}"
"""


@pytest.mark.parametrize("finished", [False, True])
def test_jobs_are_announced_by_a_dry_run(finished: bool) -> None:
    """Also those with commas and equals signs in names; without rules that only gather; done ones where asked for."""
    Path("Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    for name in ("b, c.h5", "a/tau=2/model.safetensors", "a/tau=2/model, first.json"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("", encoding="utf-8")
    jobs = sorted(planned_jobs([], [], finished=finished), key=lambda job: job.outputs)
    assert [job.wildcards for job in jobs] == [{"tau": "tau=1,5"}, *[{"tau": "tau=2"}] * finished]
    train = jobs[0]
    assert train.rule == "train"
    assert train.inputs == ("b, c.h5",)
    assert train.outputs == ("a/tau=1,5/model.safetensors", "a/tau=1,5/model, first.json")
    assert train.log == "logs/tau=1,5.log"
    assert json.loads(train.options["settings"]) == {"seed": 1, "dtype": "float32"}
    assert train.options["output"] == train.outputs[0]


def test_logs_are_found_by_rule_and_wildcards() -> None:
    other = PlannedJob(rule="train", wildcards=TRAIN.wildcards | {"horizon": "2"}, outputs=("x",), log="y")
    jobs = [TRAIN, other, ROLLOUT]
    assert matching(jobs, "train", []) == [TRAIN, other]
    assert matching(jobs, "train", ["horizon=2", "seed=1"]) == [other]


def test_slurms_logs_of_a_job_are_found() -> None:
    """A job of its own has a folder; of jobs together, the log names those that it began."""
    job = PlannedJob(
        rule="evaluate", wildcards={"system": "liquid", "horizon": "2"}, log="logs/liquid/2fs/evaluate.log"
    )
    alone = Path("logs/slurm/rule_evaluate/liquid_2/7.log")
    together = [Path(f"logs/slurm/group_tests_liquid_2_evaluate/{number}.log") for number in (8, 9)]
    texts = ["", f"rule evaluate:\n    log: {job.log}\n    jobid: 0\n", f"    log: {job.log}.old\n"]
    for path, text in zip([alone, *together], texts, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert logs_of(job) == [Path("logs/liquid/2fs/evaluate.log"), alone, together[0]]


@pytest.mark.parametrize(
    ("rule", "wildcards", "message"),
    [
        ("trai", [], "no jobs of rule trai in this configuration; choose one of: rollout, train"),
        ("train", ["horizon=3"], "no job of train has horizon=3; horizon may be: 5"),
        (
            "train",
            ["horizont=5"],
            "horizont=5: write KEY=VALUE with a wildcard of train: horizon, samples, seed, system",
        ),
        ("train", ["5"], "5: write KEY=VALUE with a wildcard of train"),
    ],
)
def test_what_cannot_be_found_is_explained(rule: str, wildcards: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        matching([TRAIN, ROLLOUT], rule, wildcards)


def test_the_end_of_a_log_is_shown() -> None:
    Path("a.log").write_text("1\n2\n3\n", encoding="utf-8")
    assert last_lines(Path("a.log"), 2) == ["2", "3"]
    assert last_lines(Path("a.log"), 0) == []
