"""Input and output: atomic writes, checked reads, locks, progress and interruption."""
