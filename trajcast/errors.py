"""The one error type meant for users."""


class UserError(ValueError):
    """Something the user can mend; the message names the value, the place, the rule and the remedy.

    The command line prints it as one line and exits with 2, without a traceback.
    """
