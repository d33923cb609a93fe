"""Present names of configuration keys and commands of earlier versions."""

from __future__ import annotations

RENAMED_KEYS = {  # `trajcast.config.upgrade` says where each was a key
    "forecast": "rollout",
    "zero_momenta_every": "remove_com_motion_every",
    "own_steps": "multistep_fraction",
}
MOVED_KEYS = {"cutoff_A": "training.network.cutoff_A"}  # formerly in the section `dataset`
REMOVED_CHECKS = ("neighbors",)  # of `dataset.accept`: this check is now part of training
RENAMED_COMMANDS = {"forecast": "rollout"}
REMOVED_COMMANDS = {"settings": "every stage checks its settings itself, and --write-settings copies them"}
INSTRUCTION = "run `trajcast config upgrade FILE`"


def renamed_key(key: str) -> str | None:
    """What became of a former key and what to do, or None if there was no such key."""
    if key in MOVED_KEYS:
        return f"is now {MOVED_KEYS[key]}: it belongs to the network; move it there, or {INSTRUCTION}"
    return f"is now called {RENAMED_KEYS[key]}; rename it, or {INSTRUCTION}" if key in RENAMED_KEYS else None


def former_command(name: str) -> str | None:
    """What replaces a command of an earlier version, or None if there was no such command."""
    if name in RENAMED_COMMANDS:
        return f"is now called {RENAMED_COMMANDS[name]}: use trajcast {RENAMED_COMMANDS[name]} …"
    if name in REMOVED_COMMANDS:
        return f"was removed: {REMOVED_COMMANDS[name]}"
    return None
