"""The workflow on a real Slurm, undisturbed and under faults: the results are the same."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
import slurm_cluster
from project import PAGE
from slurm_faults import (
    FAULTS,
    GOOD_DATA,
    HEALTH,
    ROLLOUT,
    SMALL_MODELS,
    SMALL_RESULTS,
    SUMMARY,
    TEST,
    WEIGHTS,
    Run,
    undisturbed,
)

from trajcast.io.trajectory import Trajectory

pytestmark = [pytest.mark.slow, pytest.mark.slurm]


@dataclass(frozen=True)
class Cluster:
    """The Slurm, the undisturbed run, and the runs that something happens to, all at the same time."""

    folder: Path
    original: Run
    faults: dict[str, Future[Run]]

    def run(self, fault: str) -> Run:
        run = self.faults[fault].result()
        print(f"{fault}: " + ", ".join(f"{what} {seconds:.0f} s" for what, seconds in run.seconds.items()))
        return run

    def finished(self, run: Run) -> list[dict[str, str]]:
        """What Slurm recorded of a run's jobs, in the order of their ends."""
        lines = (self.folder / "finished_jobs").read_text(encoding="utf-8").splitlines()
        jobs = [dict(re.findall(r"(\w+)=(\S*)", line)) for line in lines]
        return [job for job in jobs if job["WorkDir"] == str(run.folder)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if reason := slurm_cluster.missing():
        pytest.skip(f"no Slurm: {reason}")
    folder = tmp_path_factory.mktemp("slurm")
    with slurm_cluster.running(folder / "slurm"), ThreadPoolExecutor(len(FAULTS)) as threads:
        original = undisturbed(folder / "undisturbed")
        faults = {fault.__name__: threads.submit(fault, original, folder / fault.__name__) for fault in FAULTS}
        yield Cluster(folder / "slurm", original, faults)
    for process in psutil.process_iter(["cwd"]):  # without cgroups Slurm does not find all processes of a preempted job
        if Path(process.info["cwd"] or "/").is_relative_to(folder):
            process.kill()


def test_from_nothing_to_the_page(cluster: Cluster) -> None:
    assert (cluster.original.folder / PAGE).is_file()
    jobs = cluster.finished(cluster.original)
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    assert {job["Partition"] for job in jobs} == {"cpu", "gpu"}
    print(cluster.original.seconds, len(jobs), "jobs")


def test_training_whose_time_ends_goes_on_in_the_next_job(cluster: Cluster) -> None:
    run = cluster.run("time_limit")
    assert "Trying to restart job" in run.output
    assert [job["JobState"] for job in cluster.finished(run)][-1] == "COMPLETED"
    assert len(cluster.finished(run)) >= 2
    assert _bytes(run, WEIGHTS) == _bytes(cluster.original, WEIGHTS)


def test_preempted_training_goes_on_in_the_same_job(cluster: Cluster) -> None:
    run = cluster.run("preemption")
    assert "Trying to restart job" not in run.output
    assert len({job["JobId"] for job in cluster.finished(run)}) == 1
    assert _bytes(run, WEIGHTS) == _bytes(cluster.original, WEIGHTS)


def test_a_job_without_enough_memory_gets_more(cluster: Cluster) -> None:
    run = cluster.run("memory")
    asked = [int(found[1]) for job in cluster.finished(run) if (found := re.search(r"mem=(\d+)M", job["Tres"]))]
    assert len(asked) >= 2
    assert asked == [350 * attempt for attempt in range(1, len(asked) + 1)]
    assert [job["JobState"] for job in cluster.finished(run)][-1] == "COMPLETED"
    assert _json(run, TEST) == _json(cluster.original, TEST)


def test_after_kill_9_of_snakemake_the_same_command_goes_on(cluster: Cluster) -> None:
    run = cluster.run("killed_snakemake")
    assert "of an earlier run that was killed; their work is saved" in run.output
    training = sorted((job["StartTime"], job["EndTime"]) for job in cluster.finished(run))
    assert training[0][1] <= training[1][0]  # never two at a time
    assert cluster.finished(run)[0]["JobState"] == "CANCELLED"
    assert _bytes(run, WEIGHTS) == _bytes(cluster.original, WEIGHTS)
    assert _same_frames(run, cluster.original)
    assert _json(run, SUMMARY)["rows"] == _json(cluster.original, SUMMARY)["rows"]
    assert (run.folder / PAGE).is_file()


def test_what_jobs_finish_after_kill_9_of_snakemake_counts(cluster: Cluster) -> None:
    run = cluster.run("killed_snakemake_long_ago")
    assert len(cluster.finished(run)) == 1
    assert "Nothing to be done" in run.output
    assert _bytes(run, WEIGHTS) == _bytes(cluster.original, WEIGHTS)


def test_an_interrupt_leaves_nothing_half_written(cluster: Cluster) -> None:
    run = cluster.run("interrupted_snakemake")
    left = (run.folder / "left").read_text(encoding="utf-8").splitlines()
    assert left
    assert not [name for name in left if name.endswith((".part", "rollout.h5md", "outcome.json"))]
    assert cluster.finished(run)[0]["JobState"] == "CANCELLED"
    assert _same_frames(run, cluster.original)


def test_jobs_wait_for_a_drained_node(cluster: Cluster) -> None:
    run = cluster.run("drained_node")
    assert [job["JobState"] for job in cluster.finished(run)] == ["COMPLETED"]
    assert _json(run, TEST) == _json(cluster.original, TEST)


def test_small_jobs_share_a_slurm_job(cluster: Cluster) -> None:
    """One by one, with the memory of one and the time of all; what Slurm and Snakemake add to each is then less."""
    run = cluster.run("small_jobs")
    assert all((run.folder / name).is_file() for name in SMALL_RESULTS)
    slurm = {job["JobId"]: job for job in cluster.finished(run)}
    submitted = re.findall(r"SLURM jobid (\d+) \(log: \S*/logs/slurm/(\w+)", run.output)
    names = ["group_data_liquid_dataset_health", *["rule_train"] * 3, "group_tests_liquid_2_evaluate"]
    assert [name for _, name in submitted] == names  # settings are none of Slurm's business
    data, *trainings, tests = (slurm[number] for number, _ in submitted)
    for together in (data, tests):
        assert "cpu=1,mem=2000M," in together["Tres"]
        assert together["TimeLimit"] == str(3 * 15)

    alone_s = _overhead_s(run, trainings, [f"{model}/train" for model in SMALL_MODELS])
    stages = ["liquid/reference/health", "liquid/1fs/dataset", "liquid/2fs/dataset"]
    data_s = _overhead_s(run, [data], stages)
    tests_s = _overhead_s(run, [tests], [f"{model}/evaluate" for model in SMALL_MODELS])
    print(f"beside its work a job takes {alone_s:.1f} s alone; {data_s:.1f} s (data), {tests_s:.1f} s (tests) of three")
    # Snakemake starts twice for a job alone, four times for three together: two thirds; the rest is for a busy machine.
    assert 0 < (data_s + tests_s) / 2 < 5 / 6 * alone_s


def test_a_users_mistake_is_not_tried_again_and_what_was_made_stays(cluster: Cluster) -> None:
    run = cluster.run("users_mistake")
    first = (run.folder / "snakemake-0.log").read_text(encoding="utf-8")
    assert run.code != 0
    assert run.submitted == [1], first
    assert "Trying to restart job" not in first
    log = (run.folder / "logs/liquid/990fs/dataset.log").read_text(encoding="utf-8")
    assert "trajcast dataset: error: " in log.splitlines()[-1]
    assert "lower the number of samples, or give longer trajectories" in log.splitlines()[-1]
    assert set(run.made) == {HEALTH, GOOD_DATA}
    assert {name: (run.folder / name).stat().st_mtime for name in run.made} == run.made  # not made again


def test_a_stage_saves_itself_before_its_time_ends(cluster: Cluster) -> None:
    """By its own clock, before any signal."""
    folder = cluster.run("own_clock").folder
    output = (folder / "output").read_text(encoding="utf-8")
    assert int((folder / "code").read_text(encoding="utf-8")) == os.EX_TEMPFAIL, output
    assert re.fullmatch(
        r"trajcast train: the time limit of Slurm job \d+ is near; training at 2 fs, epoch \d+ "
        r"(saved after batch \d+|has not started, all earlier progress is saved); run the same command again to resume",
        output.splitlines()[-1],
    )
    assert list(folder.glob(".model.*.checkpoint"))


def _overhead_s(run: Run, jobs: list[dict[str, str]], benchmarks: list[str]) -> float:
    """The time of Slurm's jobs beyond that of the work in them, for each piece of work."""
    times = [datetime.fromisoformat(job["EndTime"]) - datetime.fromisoformat(job["StartTime"]) for job in jobs]
    texts = [(run.folder / f"logs/{name}.tsv").read_text(encoding="utf-8") for name in benchmarks]
    work_s = sum(float(text.splitlines()[1].split()[0]) for text in texts)
    return (sum(time.total_seconds() for time in times) - work_s) / len(benchmarks)


def _bytes(run: Run, name: str) -> bytes:
    return (run.folder / name).read_bytes()


def _json(run: Run, name: str) -> Any:
    return json.loads((run.folder / name).read_text(encoding="utf-8"))


def _same_frames(run: Run, other: Run) -> bool:
    with Trajectory(run.folder / ROLLOUT) as ours, Trajectory(other.folder / ROLLOUT) as theirs:
        return bool(
            (ours.positions[()] == theirs.positions[()]).all() and (ours.velocities[()] == theirs.velocities[()]).all()
        )
