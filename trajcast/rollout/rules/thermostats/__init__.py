"""Thermostats for rollouts: one file per thermostat."""
