"""The one error type meant for users."""

LONGEST = 200  # characters that are told of what a library says


class UserError(ValueError):
    """Something the user can correct; the message names the value, the place, the rule and the remedy.

    The command line prints it as one line and exits with 2, without a traceback.
    """


def said(error: BaseException) -> str:
    """What a library's error says, in one line of bearable length."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
