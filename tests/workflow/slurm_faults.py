"""What can happen to a run on a cluster, done to real runs on a real Slurm, each in a copy of one undisturbed run."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from project import PAGE, change, environment, lay_out
from slurm_cluster import ask

MODEL = "results/liquid/2fs/model-n40-s1"
RUN = "results/liquid/runs/2fs"
LOGS = ("logs/liquid/2fs/model-n40-s1", "logs/liquid/runs/2fs")  # of the model and of its rollout
WEIGHTS, ROLLOUT, TEST = f"{MODEL}/model.safetensors", f"{RUN}/rollout.h5md", f"{MODEL}/test.json"
TRAINED = (WEIGHTS, f"{MODEL}/model.json", f"{MODEL}/metrics.csv")
SUMMARY = f"{RUN}/observables/summary.json"
HEALTH = "results/liquid/reference/health.json"
SMALL_MODELS = tuple(f"liquid/2fs/model-n{samples}-s1" for samples in (10, 20, 40))
SMALL_RESULTS = (
    *("results/liquid/1fs/dataset.h5", "results/liquid/2fs/dataset.h5"),
    *(f"results/{model}/test.json" for model in SMALL_MODELS),
)
ROLLED_OUT = (ROLLOUT, f"{RUN}/outcome.json")
SETTINGS = {
    "horizons_fs": [2.0],
    "training.budget_minutes": None,  # ends after the same update on a busy machine, too
    "training.max_epochs": 40,
    "rollout.duration_ps": 4.0,
}
PATIENCE_S = 900.0
TOO_LONG_FS, GOOD_DATA = 990.0, "results/liquid/1fs/dataset.h5"


@dataclass
class Run:
    """A project folder and the Snakemake that works in it."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None
    seconds: dict[str, float] = field(default_factory=dict)  # how long things took
    code: int | None = None  # exit status of the first Snakemake, where that is of interest
    submitted: list[int] = field(default_factory=list)  # numbers of Slurm jobs
    made: dict[str, float] = field(default_factory=dict)  # results and when they were made

    @property
    def output(self) -> str:
        return "".join(path.read_text(encoding="utf-8") for path in sorted(self.folder.glob("snakemake-*.log")))

    def log(self, name: str) -> str:
        """What a stage of the model or of its rollout wrote; empty before it begins."""
        paths = [self.folder / folder / f"{name}.log" for folder in LOGS]
        return "".join(path.read_text(encoding="utf-8") for path in paths if path.exists())

    def start(self, *targets: str, options: Sequence[str] = ()) -> None:
        """Start Snakemake as a user does, but looking more often how the jobs are."""
        command = [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm"]
        command += ["--configfile", "config/test.yaml", "--slurm-init-seconds-before-status-checks", "8"]
        number = len(list(self.folder.glob("snakemake-*.log")))
        with open(self.folder / f"snakemake-{number}.log", "wb") as log:
            self.process = subprocess.Popen(
                [*command, *options, "--", *targets],
                cwd=self.folder,
                env=environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def until(self, happened: Callable[[], object], what: str) -> None:
        """Wait until something happens while Snakemake goes on."""
        assert self.process is not None
        given_up = time.monotonic() + PATIENCE_S
        while not happened():
            assert self.process.poll() is None, f"no {what}:\n{self.output}"
            if time.monotonic() > given_up:
                self.kill()
                raise AssertionError(f"no {what}:\n{self.output}")
            time.sleep(0.1)

    def wait(self) -> int:
        assert self.process is not None
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"no end:\n{self.output}") from None

    def kill(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """Wait for success."""
        assert self.wait() == 0, self.output

    def finish(self, *targets: str) -> None:
        self.start(*targets)
        self.end()

    def jobs(self, states: str = "R") -> list[str]:
        """Ids of this folder's jobs in the queue."""
        lines = ask("squeue", "--noheader", "--states", states, "--format", "%i %Z").splitlines()
        return [line.split()[0] for line in lines if line.split()[1] == str(self.folder)]

    def until_training(self) -> str:
        """Wait for some epochs; the job that trains."""
        self.until(lambda: "epoch 3: training loss" in self.log("train"), "epoch 3")
        (job,) = self.jobs()
        return job

    def until_it_trains_again(self, what: str) -> None:
        began = time.monotonic()
        self.until(lambda: "resumes after batch" in self.log("train"), "training that goes on")
        self.seconds[f"{what} until training went on"] = time.monotonic() - began


def undisturbed(folder: Path) -> Run:
    """From nothing to the page, through the profile."""
    run = Run(lay_out(folder))
    change(run.folder, SETTINGS)
    began = time.monotonic()
    run.finish(PAGE)
    run.seconds["from nothing to the page"] = time.monotonic() - began
    return run


def copy_without(original: Run, folder: Path, *names: str) -> Run:
    """The undisturbed run's folder without some of its results."""
    shutil.copytree(original.folder, folder)
    for log in folder.glob("snakemake-*.log"):
        log.unlink()
    for name in names:
        (folder / name).unlink()
    for logs in LOGS:
        shutil.rmtree(folder / logs)
    return Run(folder)


def time_limit(original: Run, folder: Path) -> Run:
    """The training's time ends while it works."""
    run = copy_without(original, folder, *TRAINED)
    run.start(WEIGHTS)
    job = run.until_training()
    ask("scontrol", "update", f"JobId={job}", "EndTime=now")
    run.until_it_trains_again("time limit")
    run.end()
    return run


def preemption(original: Run, folder: Path) -> Run:
    """A job that comes before it takes the CPUs of the training, for some seconds."""
    run = copy_without(original, folder, *TRAINED)
    run.start(WEIGHTS, options=["--set-resources", "train:slurm_partition=spare", "train:cpus_per_task=10"])
    run.until_training()
    ask("sbatch", "--partition", "cpu", "--cpus-per-task", "10", "--output", "/dev/null", "--wrap", "sleep 3")
    run.until_it_trains_again("preemption")
    run.end()
    return run


def memory(original: Run, folder: Path) -> Run:
    """Evaluation asks for less memory than it takes."""
    run = copy_without(original, folder, TEST)
    rules = run.folder / "workflow/rules/train.smk"
    text = rules.read_text(encoding="utf-8")
    before, rule = text.split("rule evaluate:")
    rule, changes = re.subn(r"mem_mb=growing\(\d+\)", "mem_mb=growing(350)", rule)
    assert changes == 1
    rules.write_text(f"{before}rule evaluate:{rule}", encoding="utf-8")
    run.finish(TEST)
    return run


def killed_snakemake(original: Run, folder: Path) -> Run:
    """`kill -9` of Snakemake while it trains; the job goes on alone until the same command is given again."""
    run = copy_without(original, folder, *TRAINED, TEST, *ROLLED_OUT, SUMMARY, PAGE)
    run.start(PAGE)
    run.until_training()
    run.kill()
    assert len(run.jobs()) == 1
    run.start(PAGE)
    run.until_it_trains_again("kill -9")
    run.end()
    return run


def killed_snakemake_long_ago(original: Run, folder: Path) -> Run:
    """`kill -9` of Snakemake while it trains; the same command is given again when the job has finished alone."""
    run = copy_without(original, folder, *TRAINED)
    run.start(WEIGHTS)
    run.until_training()
    run.kill()
    given_up = time.monotonic() + PATIENCE_S
    while run.jobs("PD,R,CG") and time.monotonic() < given_up:
        time.sleep(0.2)
    run.finish(WEIGHTS)
    return run


def interrupted_snakemake(original: Run, folder: Path) -> Run:
    """Ctrl-C while it rolls out; then the same command again."""
    run = copy_without(original, folder, *ROLLED_OUT)
    run.start(ROLLOUT)
    run.until(lambda: "rollout at" in run.log("rollout"), "rollout")
    assert run.process is not None
    os.killpg(run.process.pid, signal.SIGINT)
    assert run.wait() != 0
    given_up = time.monotonic() + PATIENCE_S
    while run.jobs("PD,R,CG") and time.monotonic() < given_up:
        time.sleep(0.2)
    left = [path for path in (run.folder / RUN).rglob("*") if path.is_file()]
    (run.folder / "left").write_text("\n".join(str(path) for path in left), encoding="utf-8")
    run.finish(ROLLOUT)
    return run


def drained_node(original: Run, folder: Path) -> Run:
    """The only node takes no new jobs for a while."""
    run = copy_without(original, folder, TEST)
    node = ask("sinfo", "--noheader", "--format", "%n").strip()
    ask("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test")
    try:
        run.start(TEST)
        run.until(lambda: run.jobs("PD"), "waiting job")
        time.sleep(5)
        assert run.jobs("PD")
        assert not (run.folder / TEST).exists()
    finally:
        ask("scontrol", "update", f"NodeName={node}", "State=RESUME")
    began = time.monotonic()
    run.until(lambda: run.jobs("R"), "running job")
    run.seconds["drained node, until the job ran"] = time.monotonic() - began
    run.end()
    return run


def small_jobs(original: Run, folder: Path) -> Run:
    """No fault: three models are trained for one epoch each, after another check of the reference MD."""
    run = copy_without(original, folder, HEALTH)
    change(run.folder, {"horizons_fs": [1.0, 2.0], "training.max_epochs": 1})
    began = time.monotonic()
    run.finish(*SMALL_RESULTS)
    run.seconds["from the reference MD to three tested models"] = time.monotonic() - began
    return run


def users_mistake(original: Run, folder: Path) -> Run:
    """One of the small jobs of a Slurm job cannot be done: a horizon nearly as long as the runs. Then it is mended."""
    run = copy_without(original, folder, HEALTH)
    change(run.folder, {"horizons_fs": [1.0, TOO_LONG_FS], "runs": {"2fs": {"horizon_fs": 2.0}}})
    run.start(GOOD_DATA, f"results/liquid/{TOO_LONG_FS:g}fs/dataset.h5")
    run.code = run.wait()
    run.submitted.append(len(re.findall(r"SLURM jobid \d+", run.output)))
    run.made = {
        name: (run.folder / name).stat().st_mtime for name in (HEALTH, GOOD_DATA) if (run.folder / name).exists()
    }
    change(run.folder, {"horizons_fs": [1.0, 3.0]})
    run.finish(GOOD_DATA, "results/liquid/3fs/dataset.h5")
    return run


def own_clock(original: Run, folder: Path) -> Run:
    """A training too long for its job, without Snakemake; `code` and `output` in the folder tell how it ended."""
    folder.mkdir()
    settings = yaml.safe_load((original.folder / MODEL / "training.yaml").read_text(encoding="utf-8"))
    endless = {"max_epochs": 10**6, "stop_patience": 10**6}
    (folder / "endless.yaml").write_text(yaml.safe_dump(settings | endless), encoding="utf-8")
    dataset = original.folder / "results/liquid/2fs/dataset.h5"
    command = f"trajcast train --settings endless.yaml --dataset '{dataset}' --output model"
    submission = ["sbatch", "--wait", "--time", "2", "--mem", "2000", "--output", "output", "--wrap", command]
    done = subprocess.run(submission, cwd=folder, env=environment(), capture_output=True, check=False)
    (folder / "code").write_text(str(done.returncode), encoding="utf-8")
    return Run(folder)


FAULTS = (
    own_clock,
    users_mistake,
    time_limit,
    preemption,
    memory,
    killed_snakemake,
    killed_snakemake_long_ago,
    interrupted_snakemake,
    drained_node,
    small_jobs,
)
