"""Reference MD: which runs there are, where they start, and whether they are sound."""
