"""The workflow: what follows from a configuration, where it lies, and what Snakemake and schedulers are told."""
