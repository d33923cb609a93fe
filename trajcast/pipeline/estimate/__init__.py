"""What a run of the workflow will cost: its jobs, priced with measured speeds (`speeds.csv`)."""
