"""Pairs of frames one horizon apart, drawn at random from trajectories."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trajcast.config.settings import DatasetSettings, whole_multiple
from trajcast.core.elements import check_masses
from trajcast.core.errors import UserError
from trajcast.core.system_spec import SystemSpec
from trajcast.data.checks import IN_SETTINGS
from trajcast.data.dataset import Dataset, Pairs
from trajcast.data.independence import Marks, check_apart, check_independent, frame_directions, frame_marks
from trajcast.data.limits import check_physics
from trajcast.data.physics import examine, horizon_energy, independent_samples, record
from trajcast.data.sources import Reading, read_frames
from trajcast.data.statistics import training_statistics
from trajcast.io.frames import Frames
from trajcast.io.provenance import provenance

log = logging.getLogger(__name__)
FAR_A = 1000.0  # beyond it, positions are shifted towards the origin, lest single precision lose digits


def build_dataset(settings: DatasetSettings, files: Mapping[str, Sequence[Path]], reading: Reading) -> Dataset:
    """Build a data set from the trajectories of each split (training, validation, test).

    The samples of a split are spread evenly over its files.

    Raises:
        UserError: A file cannot be read or is given twice, systems differ, frames do not suffice for the samples,
            splits are not independent, or a check fails.
    """
    sources = _sources(files)
    drawn: dict[str, list[Pairs]] = {split: [] for split in files}
    marks: dict[str, Marks] = {split: [] for split in files}
    directions: dict[str, Marks] = {split: [] for split in files}
    energies: dict[str, list[float | None]] = {split: [] for split in files}
    durations_fs = dict.fromkeys(files, 0.0)
    reading = replace(reading, accept=settings.accept)
    spec: SystemSpec | None = None
    for index, source in enumerate(sources):
        split, path = source["split"], Path(source["file"])
        frames = read_frames(path, reading)
        check_masses(frames.spec.numbers, frames.spec.masses, str(path), settings.accept, IN_SETTINGS.format("masses"))
        spec = spec or frames.spec
        _check_same_system(frames, spec, sources[0]["file"])
        share = _shares(getattr(settings.samples, split), len(files[split]))[len(drawn[split])]
        rng = np.random.default_rng([settings.seed, index])
        steps = settings.steps if split == "training" else 1
        drawn[split].append(draw_pairs(frames, settings.horizon_fs, share, rng, source=index, steps=steps))
        marks[split].append((path, frame_marks(frames)))
        directions[split].append((path, frame_directions(frames)))
        energies[split].append(horizon_energy(frames, round(settings.horizon_fs / frames.interval_fs)))
        durations_fs[split] += len(frames) * frames.interval_fs
        source |= {"frames": len(frames), "interval_fs": frames.interval_fs}
        log.info("%s: %d pairs from %s (%d frames, %g fs apart)", split, share, path, len(frames), frames.interval_fs)
    check_independent(marks)
    check_apart(directions, spec.n_atoms if spec else 0)
    splits = {split: _interleaved(pairs) for split, pairs in drawn.items()}
    names = [source["file"] for source in sources]
    physics = {}
    for split, pairs in splits.items():
        known = [energy for energy in energies[split] if energy is not None]
        samples = independent_samples(len(files[split]), durations_fs[split])
        measured = examine(pairs, settings.horizon_fs, samples, max(known) if known else None)
        check_physics(measured, f"{split} pairs", names, settings.horizon_fs, settings.accept, IN_SETTINGS)
        physics[split] = measured
    return Dataset(
        horizon_fs=settings.horizon_fs,
        time_reversed=settings.time_reversed,
        spec=splits["training"].spec,
        statistics=training_statistics(splits["training"]),
        splits=splits,
        provenance=provenance("dataset", asdict(settings), sources=sources, physics=record(physics)),
    )


def _sources(files: Mapping[str, Sequence[Path]]) -> list[dict]:
    """One record per file; UserError if a file is missing or two have the same content."""
    seen: dict[str, str] = {}
    sources = []
    for split, paths in files.items():
        for path in paths:
            if path.is_dir():
                raise UserError(f"{path} ({split}): is a folder; name the trajectory in it")
            if not path.is_file():
                raise UserError(f"{path} ({split}): no such file")
            with path.open("rb") as handle:
                sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
            if sha256 in seen:
                raise UserError(
                    f"{path} ({split}) has the same content as {seen[sha256]}; give every trajectory only once, "
                    "and each split its own"
                )
            seen[sha256] = f"{path} ({split})"
            sources.append({"split": split, "file": str(path), "sha256": sha256})
    return sources


def _check_same_system(frames: Frames, spec: SystemSpec, first: str) -> None:
    names = {
        "numbers": "elements or their order",
        "masses": "masses",
        "cell": "lattice vectors",
        "pbc": "periodic directions",
    }
    for name, what in names.items():
        a, b = getattr(frames.spec, name), getattr(spec, name)
        rtol = 1e-3 if name == "masses" else 1e-6  # tables of masses differ in the last digits
        if a.shape != b.shape or not np.allclose(a, b, rtol=rtol, atol=1e-6):
            raise UserError(f"{frames.path}: {what} differ from those of {first}; a data set holds one system")


def _shares(samples: int, files: int) -> list[int]:
    """Number of samples from each file, as equal as possible."""
    return [samples // files + (i < samples % files) for i in range(files)]


def draw_pairs(
    frames: Frames, horizon_fs: float, samples: int, rng: np.random.Generator, source: int, steps: int = 1
) -> Pairs:
    """Draw pairs from random start frames, without replacement and in random order.

    Args:
        source: Number of the trajectory in the data set.
        steps: Number of horizons in each sample, 1 or 2.

    Raises:
        UserError: The horizon is not a multiple of the frame interval, or there are too few frames.
    """
    try:
        stride = whole_multiple(
            horizon_fs, frames.interval_fs, "horizon_fs", f"the frame interval (fs) of {frames.path}:"
        )
    except ValueError as error:
        raise UserError(str(error)) from None
    starts = len(frames) - steps * stride
    if samples > starts:
        raise UserError(
            f"{samples} pairs at {horizon_fs:g} fs were requested from {frames.path}, whose {len(frames)} frames give "
            f"{max(starts, 0)}; lower {'the number of samples' if starts > 0 else 'horizon_fs'}, or give longer "
            "trajectories"
        )
    return pairs_at(frames, rng.choice(starts, size=samples, replace=False), stride, source, steps)


def pairs_at(frames: Frames, first: NDArray[np.int64], stride: int, source: int, steps: int = 1) -> Pairs:
    """Pair the frames `first` with those `stride` frames later; two steps add those another `stride` frames later."""

    def moved(start: NDArray[np.int64]) -> NDArray[np.float32]:
        return (frames.positions[start + stride].astype(np.float64) - frames.positions[start]).astype(np.float32)

    origin = np.round(frames.positions[0].mean(axis=0)) if np.abs(frames.positions[0]).max() > FAR_A else np.zeros(3)
    later = {}
    if steps == 2:
        later["later_displacements"] = moved(first + stride)
        later["later_velocities"] = frames.velocities[first + 2 * stride].astype(np.float32)
    return Pairs(
        spec=frames.spec,
        positions=(frames.positions[first] - origin).astype(np.float32),
        velocities=frames.velocities[first].astype(np.float32),
        displacements=moved(first),
        new_velocities=frames.velocities[first + stride].astype(np.float32),
        frames=first,
        sources=np.full(len(first), source),
        **later,
    )


def _interleaved(parts: Sequence[Pairs]) -> Pairs:
    """All pairs of one split, alternating between its sources, so that any first n are spread evenly, too."""
    order = np.lexsort((np.concatenate([p.sources for p in parts]), np.concatenate([np.arange(len(p)) for p in parts])))
    joined = {name: np.concatenate([getattr(p, name) for p in parts])[order] for name in parts[0].arrays}
    return Pairs(spec=parts[0].spec, **joined)
