"""Commands, one module each, with `add_arguments(parser)` and `run(arguments)`; the docstring is the help text.

Modules import heavy libraries inside `run` to keep `trajcast --help` fast.
"""
