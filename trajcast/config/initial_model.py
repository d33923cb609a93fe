"""Compatibility of a finished model with a training that starts from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from trajcast.config.settings import NetworkSettings


def misfit(record: Mapping[str, Any], network: NetworkSettings) -> str | None:
    """Why the model of a `record` (its JSON) does not fit the settings, with the remedy; None if it fits."""
    actual, wanted = record["network"] | {"cutoff_A": record["cutoff_A"]}, asdict(network)
    if differing := [name for name in wanted if wanted[name] != actual[name]]:
        difference = "; ".join(f"{name} {actual[name]}, not {wanted[name]}" for name in differing)
        return f"its network has {difference}: set that in training.network, or leave initial out"
    if record["scales"].get("totals") is not None:
        return "it was imported and has its own conservation laws; use a model trained with TrajCast"
    return None
