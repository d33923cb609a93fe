"""Foundations of all other packages: units, states, mechanics, neighbour lists, devices, errors."""
