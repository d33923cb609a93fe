"""Cost estimate of a workflow run from its jobs and measured speeds (`speeds.csv`)."""
