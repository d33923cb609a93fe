"""Thermostats for roll-outs: one file per thermostat."""
