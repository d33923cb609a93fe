"""Version of each stage's code, passed to the workflow's rules as a parameter."""

CODE = {
    "reference": 2,
    "timestep": 1,
    "dataset": 1,
    "train": 4,
    "pretrained": 1,
    "evaluate": 2,
    "rollout": 5,
    "thermostat": 3,
    "same_start": 1,
    "speed": 1,
    "cooling_md": 2,
    "cooling": 1,
    "observe": 4,
    "report": 5,
    "paper": 3,
}
"""Increase the number of a stage when its results change; Snakemake then runs it again."""
