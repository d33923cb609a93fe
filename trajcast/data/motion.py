"""Whether positions and velocities of frames belong together: units, interval, order, repeated frames, jumps.

Over one interval Δt atoms move by Δr ≈ b v̄ Δt, v̄ being the mean of the velocities at both ends. A harmonic vibration
of angular frequency ω has b = tan(ωΔt/2)/(ωΔt/2) exactly, and tan²(ωΔt/2) = ⟨(Δv)²⟩ / 4⟨v̄²⟩ follows from the velocities
alone, so that b tells a wrong unit or interval from a long one. Every interval of a file is looked at.
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

TOGETHER = 2**21  # numbers at a time
# All elements of water, quartz, paracetamol: b / expected b is 0.94 to 1.01 of the correlation where that is over 0.85.
ROUGH, SMOOTH = 0.85, 0.99  # correlations of Δr and v̄ from which on b is known roughly, and well
ROUGH_B, CLOSE_B = CHECKS["motion"].limit, 1.1  # b / expected b / correlation, or its inverse, there
# Asymmetry of Δr·v at both ends: 0.001 in right data, 0.02 for hydrogen of a leapfrog with a step of 0.5 fs.
FARTHEST = 1.1  # RMS displacement in that of free flight, which none exceeds over long times
NEAREST = 0.02  # the same: atoms that get less far do not move at all
REVERSED = -0.5  # correlation of frames in reverse order, or of velocities with the wrong sign
JUMP = (0.5, 6.0)  # misfit of one interval: in the RMS displacement, and in the median of all intervals
STRAY_SMOOTH, STRAY_ROUGH = 3.0, 12.0  # misfit of one atom, in the RMS free flight of its element


@dataclass(frozen=True, kw_only=True)
class Motion:
    """What all intervals have in common."""

    correlation: float  # of Δr with v̄
    factor: float  # measured b / expected b: 1 where units and interval are right
    flight: float  # RMS displacement / RMS velocity / interval
    asymmetry: (
        float  # (Δr·v after − Δr·v before) / (Δr·v after + Δr·v before), 0 where velocities are those of the frames
    )

    @property
    def smooth(self) -> bool:
        return self.correlation > 0.95  # so that single atoms and intervals can be told


def sums(moved: NDArray, before: NDArray, after: NDArray, interval_fs: float) -> NDArray[np.float64]:
    """(intervals, 6) sums over atoms from which `motion_of` is told; arrays (intervals, atoms, 3), Å and Å/fs."""
    mean, change, flown = 0.5 * (before + after) * interval_fs, (after - before) * interval_fs, before * interval_fs
    pairs = ((moved, moved), (moved, mean), (mean, mean), (change, change), (flown, flown), (moved, change))
    return np.stack([np.einsum("nix,nix->n", a, b) for a, b in pairs], axis=1)


def motion_of(each: NDArray[np.float64]) -> Motion:
    """The common motion from the `sums` of all intervals: their medians, which a few odd ones leave alone."""
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
    """UserError where displacements are not those of such velocities over this time."""
    remedy = f"check the interval ({interval_fs:g} fs) and the units of positions and velocities"
    if motion.correlation < REVERSED:
        raise UserError(
            f"{where}: atoms move against their velocities (correlation {motion.correlation:.2f}); are frames in "
            "reverse order, or is a sign wrong? Put frames in the order of time, and let velocities point where atoms "
            "go"
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
                f"{where}: atoms move {factor:.3g} times as far as their velocities say in {interval_fs:g} fs"
                f"{_guess(factor)}; {remedy}"
            )


def check_lag(motion: Motion, where: str, intervals: int, atoms: int) -> None:
    """UserError where velocities belong to other times than positions: by symmetry both ends count alike."""
    allowed = CHECKS["lag"].limit + 2 / (intervals * np.sqrt(atoms))  # what the ends of a short run differ by
    if motion.correlation > ROUGH and abs(motion.asymmetry) > allowed:
        raise UserError(
            f"{where}: velocities are not those at the times of the positions (asymmetry {motion.asymmetry:.2g}, "
            f"allowed are ±{allowed:.2g}): leapfrog integrators (GROMACS `md`) write them half a step earlier; take "
            "velocity Verlet (`md-vv`), or put accept: [lag] into the settings of the data set if intended"
        )


def _guess(factor: float) -> str:
    """What such a factor may come from."""
    causes = {
        1e-3: "velocities seem to be in Å/ps",
        1e-2: "velocities seem to be in nm/ps, as Å/fs",
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
    """Look at every interval, every element and every atom of a trajectory; UserError that names the frame."""
    _check_repeats(frames)
    _check_rest(frames)
    numbers, where = frames.spec.numbers, str(frames.path)
    elements = np.unique(numbers).tolist()
    groups = [np.ones(len(numbers), dtype=bool), *(numbers == number for number in elements)]
    parts: list[list[NDArray[np.float64]]] = [[] for _ in groups]
    for moved, before, after in _intervals(frames):
        for part, own in zip(parts, groups, strict=True):
            part.append(sums(moved[:, own], before[:, own], after[:, own], frames.interval_fs))
    motions = [motion_of(np.concatenate(part)) for part in parts]
    check_motion(motions[0], where, frames.interval_fs)
    _check_each(frames, motions[0])
    for number, motion in zip(elements, motions[1:], strict=True):
        check_motion(motion, f"{where}: {symbol(number)}", frames.interval_fs)
        if "lag" not in accept:
            check_lag(motion, f"{where}: {symbol(number)}", len(frames) - 1, int(np.sum(numbers == number)))


def _intervals(frames: Frames) -> Iterator[tuple[NDArray, NDArray, NDArray]]:
    """Displacements, and velocities before and after, of some intervals at a time."""
    some = max(1, TOGETHER // (3 * frames.spec.n_atoms))
    for start in range(0, len(frames) - 1, some):
        end = min(start + some, len(frames) - 1)
        positions = frames.positions[start : end + 1].astype(np.float64)
        velocities = frames.velocities[start : end + 1].astype(np.float64)
        yield np.diff(positions, axis=0), velocities[:-1], velocities[1:]


def element_rms(velocities: NDArray, numbers: NDArray[np.integer]) -> NDArray[np.float64]:
    """RMS velocity component of each atom's element, Å/fs; velocities (frames, atoms, 3)."""
    speed2 = np.mean(np.square(velocities, dtype=np.float64), axis=(0, 2))
    return np.sqrt(np.array([speed2[numbers == number].mean() for number in numbers]))


def misfits(moved: NDArray, before: NDArray, after: NDArray, interval_fs: float, motion: Motion) -> NDArray[np.float64]:
    """(intervals, atoms) distances, Å, between where atoms are and where their mean velocities carry them."""
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
    """The first interval in which an atom is far from where it should be, and what is told of it; None without one."""
    misfit = misfits(moved, before, after, interval_fs, motion)
    far = misfit > (STRAY_SMOOTH if motion.smooth else STRAY_ROUGH) * np.sqrt(3) * rms * interval_fs
    if not far.any():
        return None
    frame = int(np.flatnonzero(far.any(axis=1))[0])
    atom = int((misfit[frame] / rms).argmax())
    flown = np.linalg.norm(before[frame, atom] + after[frame, atom]) / 2 * interval_fs
    return frame, (
        f"atom {atom} ({symbol(int(numbers[atom]))}) moves {np.linalg.norm(moved[frame, atom]):.3g} Å, where its "
        f"velocities carry it {flown:.3g} Å"
    )


def _check_each(frames: Frames, motion: Motion) -> None:
    """UserError where one interval, or one atom in it, is unlike all others."""
    numbers = frames.spec.numbers
    rms = element_rms(frames.velocities, numbers)
    found: list[NDArray[np.float64]] = []
    for part in _intervals(frames):
        if stray := stray_atom(*part, frames.interval_fs, motion, rms, numbers):
            frame = sum(map(len, found)) + stray[0]
            raise UserError(
                f"{frames.path}: from frame {frame} to {frame + 1} {stray[1]}; a damaged number, a jump through the "
                "cell, or runs joined in one file: correct it, or cut it there"
            )
        found.append(np.sqrt(np.mean(misfits(*part, frames.interval_fs, motion) ** 2, axis=1)))
    usual = motion.flight * np.sqrt(3 * np.mean(rms**2)) * frames.interval_fs
    each = np.concatenate(found) / max(usual, np.finfo(float).tiny)
    limit = max(JUMP[0], JUMP[1] * float(np.median(each)))
    if len(odd := np.flatnonzero(each > limit)):
        raise UserError(
            f"{frames.path}: from frame {odd[0]} to {odd[0] + 1} atoms do not move as their velocities say (misfit "
            f"{100 * each[odd[0]]:.3g} % of a step, {100 * np.median(each):.2g} % elsewhere); are frames missing, "
            "doubled or reversed there, velocities wrong, or two runs joined? Give evenly spaced frames of one run"
        )


def digest(values: NDArray) -> bytes:
    """What tells equal arrays from all others."""
    return hashlib.blake2b(np.ascontiguousarray(values).tobytes(), digest_size=16).digest()


def _check_repeats(frames: Frames) -> None:
    """UserError where a frame stands in the file twice, to the last digit."""
    if not np.any(frames.velocities):
        raise UserError(f"{frames.path}: all velocities are zero; give trajectories with the velocities of the run")
    first: dict[bytes, int] = {}  # by a hash: the velocities themselves would fill the memory twice
    repeated, example = 0, (0, 0)
    for frame, velocities in enumerate(frames.velocities):
        earlier = first.setdefault(digest(velocities), frame)
        if earlier != frame and np.allclose(frames.positions[frame], frames.positions[earlier], rtol=0, atol=1e-6):
            example = example if repeated else (earlier, frame)
            repeated += 1
    if repeated:
        raise UserError(
            f"{frames.path}: {repeated} of {len(frames)} frames repeat an earlier one, first frame {example[1]} that "
            f"is frame {example[0]} again; write each frame once, and cut out what a restart wrote twice"
        )


def _check_rest(frames: Frames) -> None:
    """UserError where an atom never moves."""
    resting = np.flatnonzero(~np.any(frames.velocities, axis=(0, 2)))
    if len(resting):
        atom = int(resting[0])
        raise UserError(
            f"{frames.path}: {len(resting)} atom(s) never move, the first being {atom} "
            f"({symbol(int(frames.spec.numbers[atom]))}); fixed atoms break the conservation of momentum that the "
            "network imposes: give runs without constraints"
        )
