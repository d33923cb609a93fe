"""Benchmarks of speed and accuracy on the local machine, see README.md; not part of the installed package."""
