"""Paths of all results: the only module that defines the layout of `results/`.

Patterns contain the workflow's wildcards in braces, which `at` fills in. Paths are relative to the working directory.
"""

from __future__ import annotations

from pathlib import Path

# Names of files in a stage's folder.
WEIGHTS_FILE = "model.safetensors"
RECORD_FILE = "model.json"
METRICS_FILE = "metrics.csv"
TEST_FILE = "test.json"
TRAINING_SETTINGS_FILE = "training.yaml"
STARTS_FILE = "starts.h5"
HEALTH_FILE = "health.json"
HEALTH_TABLE_FILE = "health.csv"
LITERATURE_FILE = "literature.json"
REFERENCE_SETTINGS_FILE = "reference.yaml"
DATASET_FILE = "dataset.h5"
ROLLOUT_FILE = "rollout.h5md"
OUTCOME_FILE = "outcome.json"
ROLLOUT_SETTINGS_FILE = "rollout.yaml"
SUMMARY_FILE = "summary.json"
WINDOWS_FILE = "windows.json"

SYSTEM = "results/{system}"
REPORT = SYSTEM + "/report.html"

REFERENCE = SYSTEM + "/reference"
REFERENCE_SETTINGS = f"{REFERENCE}/{REFERENCE_SETTINGS_FILE}"
STARTS = f"{REFERENCE}/{STARTS_FILE}"
NVE = REFERENCE + "/nve_{run}.h5md"
NVT = f"{REFERENCE}/nvt.h5md"
SECOND_NVT = f"{REFERENCE}/nvt_2.h5md"
HEALTH = f"{REFERENCE}/{HEALTH_FILE}"
LITERATURE = f"{REFERENCE}/{LITERATURE_FILE}"
TIMESTEP = f"{REFERENCE}/timestep.json"
TIMESTEP_SETTINGS = f"{REFERENCE}/timestep.yaml"

HORIZON = SYSTEM + "/{horizon}fs"
DATASET = f"{HORIZON}/{DATASET_FILE}"
DATASET_SETTINGS = f"{HORIZON}/dataset.yaml"

MODEL_FOLDER = HORIZON + "/{model}"
MODEL = f"{MODEL_FOLDER}/{WEIGHTS_FILE}"
MODEL_RECORD = f"{MODEL_FOLDER}/{RECORD_FILE}"
TEST = f"{MODEL_FOLDER}/{TEST_FILE}"
TRAINED = "model-n{samples}-s{seed}"
TRAINED_FOLDER = f"{HORIZON}/{TRAINED}"
THERMOSTAT = MODEL_FOLDER + "/thermostat/tau{tau}-s{seed}.json"
THERMOSTAT_OUTCOME = MODEL_FOLDER + "/thermostat/tau{tau}-s{seed}-outcome.json"
THERMOSTAT_SETTINGS = MODEL_FOLDER + "/thermostat/tau{tau}-s{seed}.yaml"
SAME_START = MODEL_FOLDER + "/same_start"
SAME_START_MD = f"{SAME_START}/md.h5md"
SAME_START_ROLLOUT = f"{SAME_START}/{ROLLOUT_FILE}"
SAME_START_OUTCOME = f"{SAME_START}/{OUTCOME_FILE}"
SAME_START_SETTINGS = f"{SAME_START}/{ROLLOUT_SETTINGS_FILE}"
SPEED = MODEL_FOLDER + "/speed/{cell}.json"
SPEED_SETTINGS = MODEL_FOLDER + "/speed/{cell}.yaml"
COOLED_ROLLOUT = MODEL_FOLDER + "/cooling/rollout-s{seed}.h5md"
COOLED_OUTCOME = MODEL_FOLDER + "/cooling/outcome-s{seed}.json"
COOLED_SETTINGS = MODEL_FOLDER + "/cooling/rollout-s{seed}.yaml"

RUN = SYSTEM + "/runs/{run}"
ROLLOUT = f"{RUN}/{ROLLOUT_FILE}"
OUTCOME = f"{RUN}/{OUTCOME_FILE}"
ROLLOUT_SETTINGS = f"{RUN}/{ROLLOUT_SETTINGS_FILE}"
OBSERVABLES = f"{RUN}/observables"
OBSERVABLES_SETTINGS = f"{RUN}/observables.yaml"
SUMMARY = f"{OBSERVABLES}/{SUMMARY_FILE}"

COOLING = SYSTEM + "/cooling"
COOLED_MD = COOLING + "/md-s{seed}.h5md"
RAMP_SETTINGS = COOLING + "/md-s{seed}.yaml"
COOLING_SETTINGS = f"{COOLING}/cooling.yaml"
COOLING_OBSERVABLES = f"{COOLING}/observables.yaml"
WINDOWS = f"{COOLING}/{WINDOWS_FILE}"

PAPER = "results/paper"
PAPER_FIGURE = PAPER + "/{figure}"
PAPER_RECORD = PAPER_FIGURE + ".json"
PAPER_REPORT = f"{PAPER}/report.html"


def at(pattern: str, **wildcards: object) -> str:
    """Fill in the wildcards of a pattern."""
    return pattern.format(**wildcards)


def nve_run(folder: Path, number: int) -> Path:
    """Path of the n-th NVE trajectory, counted from 1, in the folder of the reference MD."""
    return folder / Path(at(NVE, system="", run=number)).name
