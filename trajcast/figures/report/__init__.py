"""Figures, tables and the self-contained page."""
