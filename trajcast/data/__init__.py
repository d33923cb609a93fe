"""Data sets: pairs of frames one horizon apart, their splits, statistics and checks."""
