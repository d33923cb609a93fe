"""Engines of reference MD: one file per engine."""
