"""Trainings that an earlier version did not finish."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from trajcast.config.settings import TrainingSettings
from trajcast.config.validation import read_settings
from trajcast.data.dataset import Dataset, read_dataset
from trajcast.io import layout
from trajcast.io.files import fingerprint
from trajcast.training.initialization import initial_identity
from trajcast.training.loop import checkpoint_path, training_identity


def adopt_checkpoint(folder: Path) -> bool:
    """Rename the checkpoint that 0.1.0 left beside an unfinished model, so that training resumes from it.

    Args:
        folder: Folder of the model, with its training settings; the data set lies beside it. Trainings on streamed
            pairs start again.

    Returns:
        True if there was a checkpoint of exactly these settings and data.

    Raises:
        UserError: The settings or the data set cannot be read.
    """
    if not any(folder.parent.glob(f".{folder.name}.*.checkpoint")):
        return False
    settings = read_settings(TrainingSettings, folder / layout.TRAINING_SETTINGS_FILE)
    if settings.stream is not None:
        return False
    dataset = read_dataset(folder.parent / layout.DATASET_FILE)
    former = checkpoint_path(folder, _identity_0_1_0(settings, dataset))
    if not former.exists():
        return False
    former.rename(checkpoint_path(folder, training_identity(settings, dataset)))
    return True


def _identity_0_1_0(settings: TrainingSettings, dataset: Dataset) -> str:
    values = asdict(settings)
    cutoff_A = values["network"].pop("cutoff_A")  # the data set had it
    values["own_steps"] = values.pop("multistep_fraction")
    provenance = dict(dataset.provenance)
    return fingerprint("0.1.0", values, dataset.horizon_fs, cutoff_A, provenance, initial_identity(settings), None)
