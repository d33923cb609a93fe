"""Thermostats for rollouts, one plug-in file each."""
