"""Neighbour lists: data structure and searches for the CPU and for GPUs."""
