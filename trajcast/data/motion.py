"""Consistency of positions and velocities in a trajectory: units, interval, order, repeated frames, jumps.

Over one interval Δt, atoms move by Δr ≈ b v̄ Δt, where v̄ is the mean of the velocities at both ends. For a harmonic
vibration of angular frequency ω, b = tan(ωΔt/2)/(ωΔt/2) exactly, and tan²(ωΔt/2) = ⟨(Δv)²⟩ / 4⟨v̄²⟩ follows from the
velocities alone, so b distinguishes a wrong unit or interval from a long interval. Every interval is checked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trajcast.core.elements import symbol
from trajcast.core.errors import UserError
from trajcast.data.checks import CHECKS
from trajcast.io.frames import Frames

VALUES_AT_ONCE = 2**21  # bounds the memory of one pass
# For all elements of water, quartz and paracetamol, (b / expected b) / correlation is 0.94 to 1.01 if the correlation
# exceeds 0.85. The asymmetry of Δr·v is 0.001 in correct data, and 0.02 for hydrogen with leapfrog at 0.5 fs.
ROUGH, SMOOTH = 0.85, 0.99  # correlations of Δr and v̄ above which b is known roughly, and accurately
ROUGH_B, CLOSE_B = CHECKS["motion"].limit, 1.1  # limits of (b / expected b) / correlation, or its inverse, there
FARTHEST = 1.1  # largest RMS displacement relative to free flight
NEAREST = 0.02  # smallest one; below it, atoms do not move at all
REVERSED = -0.5  # correlation below which frames are in reverse order or velocities have the wrong sign
JUMP = (0.5, 6.0)  # largest misfit of one interval, relative to the RMS displacement and to the median misfit
STRAY_SMOOTH, STRAY_ROUGH = 3.0, 12.0  # largest misfit of one atom, relative to the RMS free flight of its element


@dataclass(frozen=True, kw_only=True)
class Motion:
    """How displacements follow velocities, over all intervals."""

    correlation: float  # of Δr with v̄
    factor: float  # measured b / expected b; 1 if units and interval are right
    flight: float  # RMS displacement / RMS velocity / interval
    asymmetry: float  # (Δr·v after − Δr·v before) / their sum; 0 if velocities are those at the times of the positions

    @property
    def smooth(self) -> bool:
        """Whether the motion is resolved well enough to judge single atoms and intervals strictly."""
        return self.correlation > 0.95


def sums(moved: NDArray, before: NDArray, after: NDArray, interval_fs: float) -> NDArray[np.float64]:
    """Sums over atoms, (intervals, 6), that `motion_of` takes; arrays are (intervals, atoms, 3) in Å and Å/fs."""
    mean, change, flown = 0.5 * (before + after) * interval_fs, (after - before) * interval_fs, before * interval_fs
    pairs = ((moved, moved), (moved, mean), (mean, mean), (change, change), (flown, flown), (moved, change))
    return np.stack([np.einsum("nix,nix->n", a, b) for a, b in pairs], axis=1)


def motion_of(each: NDArray[np.float64]) -> Motion:
    """Motion from the `sums` of all intervals, mostly by their medians, which are robust against a few outliers."""
    moved2, moved_mean, mean2, change2, flown2, _ = np.median(each, axis=0)
    tiny = np.finfo(float).tiny
    tangent = np.sqrt(change2 / max(4 * mean2, tiny))
    expected = tangent / np.arctan(tangent) if tangent > 1e-6 else 1.0
    return Motion(
        correlation=float(moved_mean / max(np.sqrt(moved2 * mean2), tiny)),
        factor=float(moved_mean / max(mean2, tiny) / expected),
        flight=float(np.sqrt(moved2 / max(flown2, tiny))),
        asymmetry=float(each[:, 5].sum() / max(2 * abs(each[:, 1].sum()), tiny)),
    )


def check_motion(motion: Motion, where: str, interval_fs: float) -> None:
    """Raise a UserError if displacements are inconsistent with the velocities over the interval."""
    remedy = f"check the interval ({interval_fs:g} fs) and the units of positions and velocities"
    if motion.correlation < REVERSED:
        raise UserError(
            f"{where}: atoms move against their velocities (correlation {motion.correlation:.2f}); are frames in "
            "reverse order, or is a sign wrong? Put frames in the order of time, with velocities along the motion"
        )
    if not NEAREST < motion.flight < FARTHEST * (ROUGH_B if motion.smooth else 1.0):
        raise UserError(
            f"{where}: atoms move {motion.flight:.3g} times as far as their velocities would carry them in "
            f"{interval_fs:g} fs{_guess(motion.flight)}; {remedy}"
        )
    if motion.correlation > ROUGH:
        allowed = CLOSE_B if motion.correlation > SMOOTH else ROUGH_B
        factor = motion.factor / min(motion.correlation, 1.0)
        if not 1 / allowed < factor < allowed:
            raise UserError(
                f"{where}: atoms move {factor:.3g} times as far as their velocities imply in {interval_fs:g} fs"
                f"{_guess(factor)}; {remedy}"
            )


def check_lag(motion: Motion, where: str, intervals: int, atoms: int) -> None:
    """Raise a UserError if velocities and positions belong to different times.

    By time-reversal symmetry, Δr·v is on average the same at both ends of an interval.
    """
    allowed = CHECKS["lag"].limit + 2 / (
        intervals * np.sqrt(atoms)
    )  # plus the difference between the ends of a short run
    if motion.correlation > ROUGH and abs(motion.asymmetry) > allowed:
        raise UserError(
            f"{where}: velocities are not those at the times of the positions (asymmetry {motion.asymmetry:.2g}, "
            f"±{allowed:.2g} allowed): leapfrog integrators (GROMACS `md`) write them half a step earlier; use "
            "velocity Verlet (`md-vv`), or add accept: [lag] to the settings of the data set if intended"
        )


def _guess(factor: float) -> str:
    """Likely cause of such a factor, in parentheses; empty if none is known."""
    causes = {
        1e-3: "velocities seem to be in Å/ps",
        1e-2: "velocities seem to be in nm/ps, read as Å/fs",
        0.09822694788464065: "positions in nm? or velocities too large by 10.2, ASE's unit of time in fs?",
        10.180505672822556: "velocities too small by 10.2, ASE's unit of time in fs? or an interval ten times as long?",
        0.5: "the interval may be half as long",
        2.0: "the interval may be twice as long",
        1e3: "velocities seem to be in Å/fs, read as Å/ps",
    }
    for value, cause in causes.items():
        if abs(np.log(max(factor, 1e-300) / value)) < 0.15:
            return f" ({cause})"
    return ""


def examine_motion(frames: Frames, accept: Sequence[str] = ()) -> None:
    """Check every interval, element and atom of a trajectory.

    Args:
        accept: `lag` if velocities may belong to other times than positions.

    Raises:
        UserError: Positions and velocities are inconsistent; the message names the frame if there is one.
    """
    _check_repeats(frames)
    _check_rest(frames)
    numbers, where = frames.spec.numbers, str(frames.path)
    elements = np.unique(numbers).tolist()
    groups = [np.ones(len(numbers), dtype=bool), *(numbers == number for number in elements)]
    parts: list[list[NDArray[np.float64]]] = [[] for _ in groups]
    for moved, before, after in _intervals(frames):
        for part, group in zip(parts, groups, strict=True):
            part.append(sums(moved[:, group], before[:, group], after[:, group], frames.interval_fs))
    motions = [motion_of(np.concatenate(part)) for part in parts]
    check_motion(motions[0], where, frames.interval_fs)
    _check_each(frames, motions[0])
    for number, motion in zip(elements, motions[1:], strict=True):
        check_motion(motion, f"{where}: {symbol(number)}", frames.interval_fs)
        if "lag" not in accept:
            check_lag(motion, f"{where}: {symbol(number)}", len(frames) - 1, int(np.sum(numbers == number)))


def _intervals(frames: Frames) -> Iterator[tuple[NDArray, NDArray, NDArray]]:
    """Displacements, and velocities before and after, of successive groups of intervals."""
    count = max(1, VALUES_AT_ONCE // (3 * frames.spec.n_atoms))
    for start in range(0, len(frames) - 1, count):
        end = min(start + count, len(frames) - 1)
        positions = frames.positions[start : end + 1].astype(np.float64)
        velocities = frames.velocities[start : end + 1].astype(np.float64)
        yield np.diff(positions, axis=0), velocities[:-1], velocities[1:]


def element_rms(velocities: NDArray, numbers: NDArray[np.integer]) -> NDArray[np.float64]:
    """RMS velocity component of each atom's element, Å/fs; velocities (frames, atoms, 3)."""
    speed2 = np.mean(np.square(velocities, dtype=np.float64), axis=(0, 2))
    return np.sqrt(np.array([speed2[numbers == number].mean() for number in numbers]))


def misfits(moved: NDArray, before: NDArray, after: NDArray, interval_fs: float, motion: Motion) -> NDArray[np.float64]:
    """Distances (Å), (intervals, atoms), between the positions of atoms and those implied by their mean velocities."""
    scale = motion.factor if motion.smooth else 1.0
    return np.linalg.norm(moved - scale * 0.5 * (before + after) * interval_fs, axis=2)


def stray_atom(
    moved: NDArray,
    before: NDArray,
    after: NDArray,
    interval_fs: float,
    motion: Motion,
    rms: NDArray[np.float64],
    numbers: NDArray[np.integer],
) -> tuple[int, str] | None:
    """Find the first interval in which an atom is far from the position that its velocities imply.

    Args:
        rms: RMS velocity component of each atom's element, from `element_rms`.

    Returns:
        The interval and a description of the atom's motion; None if no atom strays.
    """
    misfit = misfits(moved, before, after, interval_fs, motion)
    far = misfit > (STRAY_SMOOTH if motion.smooth else STRAY_ROUGH) * np.sqrt(3) * rms * interval_fs
    if not far.any():
        return None
    frame = int(np.flatnonzero(far.any(axis=1))[0])
    atom = int((misfit[frame] / rms).argmax())
    flown = np.linalg.norm(before[frame, atom] + after[frame, atom]) / 2 * interval_fs
    return frame, (
        f"atom {atom} ({symbol(int(numbers[atom]))}) moves {np.linalg.norm(moved[frame, atom]):.3g} Å, but its "
        f"velocities imply {flown:.3g} Å"
    )


def _check_each(frames: Frames, motion: Motion) -> None:
    """Raise a UserError if one interval, or one atom in it, differs from all others."""
    numbers = frames.spec.numbers
    rms = element_rms(frames.velocities, numbers)
    misfit_rms: list[NDArray[np.float64]] = []
    for part in _intervals(frames):
        if stray := stray_atom(*part, frames.interval_fs, motion, rms, numbers):
            frame = sum(map(len, misfit_rms)) + stray[0]
            raise UserError(
                f"{frames.path}: from frame {frame} to {frame + 1} {stray[1]}; a damaged number, a jump across the "
                "cell, or runs joined in one file? Correct the file, or cut it there"
            )
        misfit_rms.append(np.sqrt(np.mean(misfits(*part, frames.interval_fs, motion) ** 2, axis=1)))
    typical = motion.flight * np.sqrt(3 * np.mean(rms**2)) * frames.interval_fs
    each = np.concatenate(misfit_rms) / max(typical, np.finfo(float).tiny)
    limit = max(JUMP[0], JUMP[1] * float(np.median(each)))
    if len(outliers := np.flatnonzero(each > limit)):
        frame = int(outliers[0])
        raise UserError(
            f"{frames.path}: from frame {frame} to {frame + 1} atoms do not follow their velocities (misfit "
            f"{100 * each[frame]:.3g} % of a step, {100 * np.median(each):.2g} % elsewhere); are frames missing, "
            "duplicated or reversed there, velocities wrong, or two runs joined? Give evenly spaced frames of one run"
        )


def digest(values: NDArray) -> bytes:
    """Hash of an array's values."""
    return hashlib.blake2b(np.ascontiguousarray(values).tobytes(), digest_size=16).digest()


def _check_repeats(frames: Frames) -> None:
    """Raise a UserError if all velocities are zero or a frame occurs twice."""
    if not np.any(frames.velocities):
        raise UserError(f"{frames.path}: all velocities are zero; give trajectories with the velocities of the run")
    first: dict[bytes, int] = {}  # by hash: the velocities themselves would double the memory
    repeated, example = 0, (0, 0)
    for frame, velocities in enumerate(frames.velocities):
        earlier = first.setdefault(digest(velocities), frame)
        if earlier != frame and np.allclose(frames.positions[frame], frames.positions[earlier], rtol=0, atol=1e-6):
            example = example if repeated else (earlier, frame)
            repeated += 1
    if repeated:
        raise UserError(
            f"{frames.path}: {repeated} of {len(frames)} frames repeat an earlier one; the first is frame "
            f"{example[1]}, a copy of frame {example[0]}; write each frame once, and cut out what a restart wrote twice"
        )


def _check_rest(frames: Frames) -> None:
    """Raise a UserError if an atom never moves."""
    resting = np.flatnonzero(~np.any(frames.velocities, axis=(0, 2)))
    if len(resting):
        atom = int(resting[0])
        raise UserError(
            f"{frames.path}: {len(resting)} atom(s) never move, the first being {atom} "
            f"({symbol(int(frames.spec.numbers[atom]))}); fixed atoms break the conservation of momentum that the "
            "network imposes: give runs without constraints"
        )
