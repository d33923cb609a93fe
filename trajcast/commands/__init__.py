"""One module per command: its docstring is the help text, `add_arguments(parser)` and `run(arguments)` do the rest.

Modules import their heavy libraries inside `run`, so that `trajcast --help` stays quick.
"""
