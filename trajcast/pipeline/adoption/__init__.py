"""Adoption of results of an earlier version: rename, upgrade, and record them as done in Snakemake."""
