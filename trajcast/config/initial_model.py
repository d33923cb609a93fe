"""Whether a finished model can be the beginning of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from trajcast.config.settings import NetworkSettings


def misfit(record: Mapping[str, Any], network: NetworkSettings) -> str | None:
    """What in a model's `record` (its JSON) is not what the settings ask for, with the remedy; None where it fits."""
    has, wanted = record["network"] | {"cutoff_A": record["cutoff_A"]}, asdict(network)
    if differing := [name for name in wanted if wanted[name] != has[name]]:
        said = "; ".join(f"{name} {has[name]}, not {wanted[name]}" for name in differing)
        return f"its network has {said}: write that in training.network, or leave initial out"
    if record["scales"].get("totals") is not None:
        return "it was imported, with conservation laws of its own; take a model that was trained here"
    return None
