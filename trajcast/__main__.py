"""`python -m trajcast` is `trajcast`, for launchers such as torchrun."""

from trajcast.cli import entry

if __name__ == "__main__":
    entry()
