"""Results of 0.1.0 in a workflow's folder; light enough for the Snakefile."""

from __future__ import annotations

from pathlib import Path

ADOPTING = Path(".snakemake/trajcast-adopting")  # exists while results are being adopted
PERMIT = "TRAJCAST_ADOPTING"  # environment variable of the Snakemake that records adopted results
SETTINGS_LOGS = ("logs/*/*/*settings.log", "logs/*/*/*/*settings.log", "logs/*/*/*/*/*settings.log")
"""Logs of rules that only 0.1.0 had; adoption removes them."""
FORMER = (*SETTINGS_LOGS, "results/*/runs/*/forecast.yaml", "results/*/*fs/*/*/forecast*.yaml")


def former_results(folder: Path = Path()) -> str | None:
    """Instruction for results of 0.1.0 in `folder` that are not yet adopted; None if there are none."""
    if (folder / ADOPTING).exists():
        return "the adoption of the results of 0.1.0 was interrupted; run the same `trajcast adopt` again"
    for pattern in FORMER:
        for path in folder.glob(pattern):
            return (
                f"{path} was made by TrajCast 0.1.0: `trajcast adopt` (with the same targets and --configfile) keeps "
                "its results; to produce all of them again, remove the folders results and logs"
            )
    return None
