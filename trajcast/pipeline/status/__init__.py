"""Status of the workflow: finished, running and waiting jobs, from the files that commands write."""
