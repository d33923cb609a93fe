"""Neighbours within a cutoff."""
