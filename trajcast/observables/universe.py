"""Conversion of selected frames to an MDAnalysis Universe."""

from __future__ import annotations

import numpy as np
from MDAnalysis import Universe
from MDAnalysis.coordinates.memory import MemoryReader
from MDAnalysis.lib.mdamath import triclinic_box, triclinic_vectors
from numpy.typing import NDArray

from trajcast.observables.selection import Selection


def universe_of(selection: Selection) -> Universe:
    """In-memory Universe with the positions, elements and box of the selected frames."""
    spec = selection.spec
    universe = Universe.empty(spec.n_atoms, trajectory=False)
    elements = np.empty(spec.n_atoms, dtype=object)
    for symbol, atoms in selection.atoms_of.items():
        elements[atoms] = symbol
    universe.add_TopologyAttr("elements", elements)
    positions, box = positions_and_box(selection)
    universe.load_new(positions, format=MemoryReader, dimensions=box)
    return universe


def positions_and_box(selection: Selection) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Positions (frames, atoms, 3) and box in MDAnalysis' convention; the box is None without periodic directions.

    MDAnalysis describes a box by lengths and angles, with its first vector along x; positions are rotated to match.
    """
    spec, positions = selection.spec, selection.positions
    if not spec.pbc.any():
        return positions, None
    box = triclinic_box(*spec.cell)
    rotation = np.linalg.solve(spec.cell, triclinic_vectors(box, dtype=np.float64))
    if not np.allclose(rotation, np.eye(3), atol=1e-6):
        positions = (positions @ rotation).astype(np.float32)
    return positions, box
