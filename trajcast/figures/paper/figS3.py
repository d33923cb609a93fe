"""Figure S3: paracetamol at constant energy, rollout and MD from the same state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.neighborlist import natural_cutoffs, neighbor_list
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from trajcast.core.errors import UserError
from trajcast.figures.curves import LABEL_BOX, horizon_name
from trajcast.figures.drawing import FIGURE_COLUMNS, Drawing, Value
from trajcast.figures.panels import PRINT_WIDTH_IN, letter_panels
from trajcast.figures.paper import system_of_kind
from trajcast.figures.style import REFERENCE, ROLLOUT
from trajcast.pipeline import studies

if TYPE_CHECKING:
    from trajcast.io.trajectory import Trajectory
    from trajcast.pipeline.plan import Plan

BOND_TOLERANCE = 1.2  # longest bond relative to the sum of the covalent radii
MARKED = 40  # a rollout with at most this number of frames is drawn with markers
THIN = REFERENCE | {"linewidth": 1.3}  # bonds to hydrogen oscillate fast

Internal = Mapping[str, list[int]]  # name → indices of its two or three atoms


def sources(plan: Plan) -> dict[str, list[str]]:
    """Reference MD and rollout of paracetamol from the same state, by horizon."""
    system = system_of_kind(plan, "molecule")
    if system is None:
        return {}
    return {f"{h} fs": list(studies.same_start_files(plan, system, h)) for h in studies.same_start(plan, system)}


def draw(sources: dict[str, list[str]]) -> Drawing:
    """One row of panels per distance or angle, one column per horizon."""
    from trajcast.io.trajectory import Trajectory  # needs PyTorch, unlike `sources`

    names = ["O–O / Å", "N–H / Å", "C–O–H / °"]
    figure = Figure(figsize=(PRINT_WIDTH_IN, 5.2), layout="constrained")
    axes = figure.subplots(len(names), len(sources), squeeze=False, sharex=True, sharey="row")
    rows: list[list[Value]] = []
    notes: list[str] = []
    for column, (role, files) in enumerate(sources.items()):
        horizon = float(role.removesuffix(" fs"))
        with Trajectory(Path(files[0])) as md, Trajectory(Path(files[1])) as rollout:
            coordinates = internal_coordinates(md)
            for ax, name in zip(axes[:, column], names, strict=True):
                rows += _panel(ax, name, coordinates[name], md, rollout, horizon)
            reached = rollout.times[-1] if len(rollout) else 0.0
            if reached < md.times[-1] - horizon:
                notes.append(f"{horizon_name(horizon)}: the rollout ended early after {reached:g} fs.")
        axes[0, column].set_title(horizon_name(horizon), loc="left")
        axes[-1, column].set_xlabel("t / fs")
    for ax, name in zip(axes[:, 0], names, strict=True):
        ax.set_ylabel(name)
    letter_panels(axes.flat)
    handles = [Line2D([], [], **THIN), Line2D([], [], **ROLLOUT, marker="o", markersize=3)]
    figure.legend(handles, ["reference MD", "rollout"], loc="outside upper center", ncols=2)
    return Drawing(
        title="Paracetamol: rollout and MD from the same state",
        caption="Paracetamol at constant energy: distance between the two oxygen atoms, N–H bond length and hydroxyl "
        "angle along reference MD and along rollouts from the same positions and velocities. Neighbouring trajectories "
        "of a molecule diverge exponentially: differences at late times need not be errors of the model.",
        columns=FIGURE_COLUMNS,
        rows=rows,
        figure=figure,
        notes=notes,
    )


def internal_coordinates(trajectory: Trajectory) -> Internal:
    """Atoms of the O–O distance, the N–H bond and the C–O–H angle, from the bonds in the first frame.

    Raises:
        UserError: Unless the molecule has two oxygen atoms, an N–H bond and a hydroxyl group on carbon.
    """
    numbers = trajectory.spec.numbers
    atoms = Atoms(numbers=numbers, positions=trajectory.positions[0])
    bonded = neighbor_list("ij", atoms, natural_cutoffs(atoms, mult=BOND_TOLERANCE))
    neighbours = {i: bonded[1][bonded[0] == i].tolist() for i in range(len(numbers))}

    def partners(element: int, of: int) -> list[tuple[int, int]]:
        pairs = [(i, j) for i in neighbours for j in neighbours[i]]
        return [(i, j) for i, j in pairs if numbers[i] == element and numbers[j] == of]

    oxygens = np.flatnonzero(numbers == 8).tolist()
    hydroxyls = [[c, o, h] for o, h in partners(8, 1) for o2, c in partners(8, 6) if o == o2]
    bonds = partners(7, 1)
    if len(oxygens) != 2 or not hydroxyls or not bonds:
        raise UserError(
            f"{trajectory.path}: figure S3 shows the O–O distance, an N–H bond and a hydroxyl angle, which this "
            "molecule does not have; leave studies.same_start out"
        )
    return {"O–O / Å": oxygens, "N–H / Å": list(bonds[0]), "C–O–H / °": hydroxyls[0]}


def values(trajectory: Trajectory, atoms: list[int]) -> NDArray[np.float64]:
    """Distance (Å) between two atoms or angle (°) at the second of three atoms in every frame."""
    positions = trajectory.positions[()].astype(np.float64)
    if len(atoms) == 2:
        return np.linalg.norm(positions[:, atoms[1]] - positions[:, atoms[0]], axis=1)
    first, second = (positions[:, atoms[end]] - positions[:, atoms[1]] for end in (0, 2))
    cosine = (first * second).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def _panel(
    ax: Axes, name: str, atoms: list[int], md: Trajectory, rollout: Trajectory, horizon_fs: float
) -> list[list[Value]]:
    reference, predicted = values(md, atoms), values(rollout, atoms)
    times, steps = md.times[()], rollout.times[()]
    ax.plot(times, reference, **THIN)
    ax.plot(steps, predicted, **ROLLOUT, marker="o" if len(steps) <= MARKED else None, markersize=3)
    if len(predicted):
        error = float(np.sqrt(np.mean((predicted - np.interp(steps, times, reference)) ** 2)))
        text = f"RMS difference {error:.2g}"
        ax.text(0.98, 0.96, text, transform=ax.transAxes, ha="right", va="top", fontsize=7, bbox=LABEL_BOX)
    panel = f"{name}, {horizon_fs:g} fs"
    series = (("reference MD", times, reference), ("rollout", steps, predicted))
    return [[panel, label, t, None, v, None] for label, ts, vs in series for t, v in zip(ts.tolist(), vs, strict=True)]
