"""Number of steps of a rollout, and which of them are kept as frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trajcast.config.settings import RolloutSettings, whole_multiple
from trajcast.core.errors import UserError
from trajcast.core.units import PS


@dataclass(frozen=True, kw_only=True)
class StepCounts:
    """Numbers of steps; frames are kept from the end of the equilibration onwards."""

    equilibration: int
    production: int
    frame_every: int  # steps between frames; 0: no frames

    @property
    def total(self) -> int:
        """Steps of equilibration and production."""
        return self.equilibration + self.production

    def keeps(self, step: int) -> bool:
        """Whether the state after `step` steps is a frame."""
        return (
            self.frame_every > 0 and step >= self.equilibration and (step - self.equilibration) % self.frame_every == 0
        )

    def frames(self, step: int) -> int:
        """Number of frames kept in the first `step` steps."""
        return (step - self.equilibration) // self.frame_every + 1 if step >= self.equilibration else 0


def step_counts(settings: RolloutSettings, horizon_fs: float) -> StepCounts:
    """Numbers of steps of a rollout.

    Raises:
        UserError: The horizon is unknown, or a duration is not a whole multiple of it.
    """
    if math.isnan(horizon_fs):
        raise UserError("the model's file does not state its horizon; import it again with --horizon-fs")
    steps = []
    for name in ("equilibration_ps", "duration_ps"):
        duration = getattr(settings, name) * PS
        try:
            steps.append(whole_multiple(duration, horizon_fs, f"{name} in fs", "the horizon") if duration else 0)
        except ValueError as error:
            raise UserError(f"rollout: {error}") from None
    return StepCounts(equilibration=steps[0], production=steps[1], frame_every=settings.frame_every)
