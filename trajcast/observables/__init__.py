"""Quantities measured on trajectories: one file per observable."""
