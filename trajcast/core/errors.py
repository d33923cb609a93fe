"""The one error type meant for users."""

LONGEST = 200  # characters of a library's message that are shown


class UserError(ValueError):
    """An error that the user can correct; the message names the value, the place, the rule and the remedy.

    The command line prints it on one line, without a traceback, and exits with status 2.
    """


def said(error: BaseException) -> str:
    """The type and message of a library's error on one line, truncated to `LONGEST` characters."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
