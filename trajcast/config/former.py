"""What keys of the configuration and commands of earlier versions are called now."""

from __future__ import annotations

RENAMED_KEYS = {  # by the key alone: none of the old names is a key of another section
    "forecast": "rollout",
    "zero_momenta_every": "remove_com_motion_every",
    "own_steps": "multistep_fraction",
}
MOVED_KEYS = {"cutoff_A": "training.network.cutoff_A"}  # from the section `dataset`
REMOVED_CHECKS = ("neighbors",)  # of `dataset.accept`: training makes this check now
RENAMED_COMMANDS = {"forecast": "rollout"}
REMOVED_COMMANDS = {"settings": "every stage checks its settings itself, and --write-settings copies them"}
INSTRUCTION = "`trajcast config upgrade FILE` rewrites a file"


def renamed_key(key: str) -> str | None:
    """What an unknown key is called now, or None."""
    return (MOVED_KEYS | RENAMED_KEYS).get(key)


def former_command(name: str) -> str | None:
    """What has become of a command of an earlier version, or None if it never was one."""
    if name in RENAMED_COMMANDS:
        return f"is called {RENAMED_COMMANDS[name]} now: trajcast {RENAMED_COMMANDS[name]} …"
    if name in REMOVED_COMMANDS:
        return f"was removed: {REMOVED_COMMANDS[name]}"
    return None
