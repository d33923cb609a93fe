"""Pairs at a horizon, splits and statistics."""
