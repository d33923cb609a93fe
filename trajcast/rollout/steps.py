"""How many steps a rollout takes and which of them are kept."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trajcast.config.settings import RolloutSettings, whole_multiple
from trajcast.core.errors import UserError
from trajcast.core.units import PS


@dataclass(frozen=True, kw_only=True)
class StepCounts:
    """Numbers of steps; frames are kept from the end of the equilibration on."""

    equilibration: int
    production: int
    frame_every: int  # 0: no frames

    @property
    def total(self) -> int:
        return self.equilibration + self.production

    def keeps(self, step: int) -> bool:
        """Whether the state after `step` steps is a frame."""
        return (
            self.frame_every > 0 and step >= self.equilibration and (step - self.equilibration) % self.frame_every == 0
        )

    def frames(self, step: int) -> int:
        """How many frames the first `step` steps give."""
        return (step - self.equilibration) // self.frame_every + 1 if step >= self.equilibration else 0


def step_counts(settings: RolloutSettings, horizon_fs: float) -> StepCounts:
    """Steps of a rollout; UserError when the durations are not whole multiples of the horizon, or it is unknown."""
    if math.isnan(horizon_fs):
        raise UserError("the model's file does not say its horizon; import it again with --horizon-fs")
    steps = []
    for name in ("equilibration_ps", "duration_ps"):
        duration = getattr(settings, name) * PS
        try:
            steps.append(whole_multiple(duration, horizon_fs, f"{name} in fs", "the horizon") if duration else 0)
        except ValueError as error:
            raise UserError(f"rollout: {error}") from None
    return StepCounts(equilibration=steps[0], production=steps[1], frame_every=settings.frame_every)
