"""Units against textbook values and LAMMPS' own."""

import numpy as np
import pytest

from trajcast.core.units import BOLTZMANN, KCAL_PER_MOL, KINETIC, PER_CM, PS


def test_thermal_energy_at_300_K():
    assert pytest.approx(0.025852, abs=1e-6) == 300 * BOLTZMANN  # eV


def test_kinetic_energy_unit():
    # A proton-like mass of 1 u at 1 Å/fs = 1e5 m/s: ½ · 1.66054e-27 · 1e10 J = 51.8213 eV
    assert pytest.approx(51.8213, rel=1e-5) == 0.5 * KINETIC


def test_speed_of_hydrogen_at_300_K():
    # √(3 k T / m) of 1.008 u is 2724.6 m/s
    assert np.sqrt(3 * BOLTZMANN * 300 / (KINETIC * 1.008)) * 1e5 == pytest.approx(2724.6, abs=0.5)


def test_kilocalorie_per_mol():
    assert pytest.approx(0.0433641, rel=1e-6) == KCAL_PER_MOL


def test_wavenumber():
    assert pytest.approx(9.81, abs=0.01) == 1 / (3400 * PER_CM)  # the period of an O–H stretch, fs
    assert PS == 1000
