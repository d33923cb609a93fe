"""A small world of good inputs, known in closed form, from which each case makes one wrong or strange thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ase
import ase.io
import ase.units
import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator
from numpy.typing import NDArray
from ruamel.yaml import YAML

from trajcast.core.system_spec import SystemSpec
from trajcast.core.units import BOLTZMANN, KINETIC
from trajcast.io.recorder import Recorder

BOX = np.diag([7.8, 7.8, 5.2])
TILTED = np.array([[7.8, 0.0, 0.0], [2.6, 7.8, 0.0], [-1.3, 1.3, 5.2]])
FRAMES, KELVIN = 40, 300.0
MASS = {1: 1.008, 8: 15.999}
SETTINGS = {"horizon_fs": 2.0, "samples": {"training": 30, "validation": 10, "test": 10}, "seed": 1}


@dataclass(frozen=True)
class Run:
    """O and H on the sites of a lattice, each vibrating by itself at 300 K, their total momentum zero.

    x(t) = x₀ + a sin(ω t + φ), less the motion of the centre of mass.
    """

    numbers: NDArray[np.int64]
    masses: NDArray[np.float64]
    cell: NDArray[np.float64]
    start: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    omega: NDArray[np.float64]
    phase: NDArray[np.float64]
    pbc: NDArray[np.bool_] = field(default_factory=lambda: np.ones(3, bool))

    def positions(self, time_fs: float) -> NDArray[np.float64]:
        return self.start + self._still(self.amplitude * np.sin(self.omega * time_fs + self.phase))

    def velocities(self, time_fs: float) -> NDArray[np.float64]:
        return self._still(self.amplitude * self.omega * np.cos(self.omega * time_fs + self.phase))

    def _still(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return values - self.masses @ values / self.masses.sum()

    @property
    def spec(self) -> SystemSpec:
        cell = self.cell * self.pbc[:, None]
        return SystemSpec(numbers=self.numbers, masses=self.masses, cell=cell, pbc=self.pbc)

    def images(self, frames: int = FRAMES, interval_fs: float = 1.0, wrapped: bool = True) -> list[ase.Atoms]:
        """The frames as ASE has them."""
        images = []
        for frame in range(frames):
            atoms = ase.Atoms(self.numbers, self.positions(frame * interval_fs), cell=self.cell, pbc=self.pbc)
            atoms.set_masses(self.masses)
            atoms.set_velocities(self.velocities(frame * interval_fs) / ase.units.fs)
            if wrapped:
                atoms.wrap()
            images.append(atoms)
        return images


def run(
    seed: int = 0,
    cell: NDArray[np.float64] = BOX,
    mass: dict[int, float] = MASS,
    pbc: tuple[bool, bool, bool] = (True, True, True),
) -> Run:
    """One run; atoms lie on faces of the cell, which they cross. Wrong masses leave the motion as it is."""
    rng = np.random.default_rng([seed, 7])
    sites = np.stack(np.meshgrid(*[np.arange(n) for n in (3, 3, 2)], indexing="ij"), axis=-1).reshape(-1, 3)
    numbers = np.where(np.arange(len(sites)) % 3 == 0, 8, 1)
    own = np.array([MASS[z] for z in numbers.tolist()])
    omega = rng.uniform(0.5, 1.5, (len(sites), 3)) * np.where(numbers == 8, 0.03, 0.1)[:, None]
    return Run(
        numbers=numbers,
        masses=np.array([mass[z] for z in numbers.tolist()]),
        cell=cell,
        start=sites / [3, 3, 2] @ cell,
        amplitude=np.sqrt(2 * BOLTZMANN * KELVIN / (KINETIC * own))[:, None] / omega,
        omega=omega,
        phase=rng.uniform(0, 2 * np.pi, omega.shape),
        pbc=np.array(pbc),
    )


def write_h5md(path: Path, own: Run, frames: int = FRAMES, interval_fs: float = 1.0, start_fs: float = 0.0) -> Path:
    recorder = Recorder(path, own.spec, identity={"path": str(path)}, provenance={})
    for frame in range(frames):
        time = start_fs + frame * interval_fs
        recorder.add(frame, time, own.positions(time), own.velocities(time))
    recorder.commit({})
    recorder.finish()
    return path


def with_energy(images: list[ase.Atoms], total: NDArray[np.float64] | float) -> list[ase.Atoms]:
    """The images with potential energies that make these total energies, eV."""
    for image, energy in zip(images, np.broadcast_to(total, len(images)), strict=True):
        image.calc = SinglePointCalculator(image, energy=float(energy) - image.get_kinetic_energy())
    return images


@dataclass
class World:
    """A folder with good runs in it, and the command lines that use them."""

    folder: Path
    truth: Run | None = None  # what a right reading must give, where a case's run is not `run()`
    interval_fs: float = 1.0
    tolerance_A: float = 2e-5
    check: Callable[[], None] = lambda: None  # what else must hold after success

    def good(self, seed: int, truth: Run | None = None) -> Path:
        """A good run of the same system."""
        own, path = truth or run(seed), self.folder / f"good-{seed}.h5md"
        if not path.exists():
            same = run(seed, own.cell)
            write_h5md(path, replace(same, numbers=own.numbers, masses=own.masses, pbc=own.pbc))
        return path

    def path(self, name: str) -> Path:
        return self.folder / name

    def text(self, name: str, text: str, encoding: str = "utf-8") -> Path:
        self.path(name).write_text(text, encoding=encoding)
        return self.path(name)

    def yaml(self, name: str, values: Any) -> Path:
        with self.path(name).open("w", encoding="utf-8") as handle:
            YAML(typ="safe", pure=True).dump(values, handle)
        return self.path(name)

    def extxyz(self, name: str, images: list[ase.Atoms], **options: Any) -> Path:
        ase.io.write(str(self.path(name)), images, format="extxyz", **options)
        return self.path(name)

    def dataset(self, training: Path, *options: str, accept: list[str] | None = None, **settings: Any) -> list[str]:
        """`trajcast dataset` with this file for training, good ones for validation and test."""
        values = SETTINGS | settings | ({"accept": accept} if accept else {})
        command = ["dataset", "--settings", str(self.yaml("dataset.yaml", values)), "--training", str(training)]
        command += ["--validation", str(self.good(1, self.truth)), "--test", str(self.good(2, self.truth))]
        return [*command, "--output", str(self.path("out/dataset.h5")), *options]
