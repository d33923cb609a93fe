"""The workflow: files and settings that follow from a configuration, jobs, their cost and status, Slurm."""
