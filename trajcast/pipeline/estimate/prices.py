"""Cost of one job of the workflow, from its rule and wildcards."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from trajcast import shipped
from trajcast.config.checks import check_structure
from trajcast.config.settings import NetworkSettings, RolloutSettings
from trajcast.core.neighbors.find import find_neighbors
from trajcast.core.units import PS
from trajcast.pipeline.cooling import cooled_horizons, cooling_study, rollout_settings
from trajcast.pipeline.estimate.speeds import Size, frame_seconds, md_seconds, network_seconds
from trajcast.pipeline.plan import Plan
from trajcast.reference.protocol import CONSTANT_PRESSURE, EQUILIBRATION
from trajcast.reference.protocol import plan as reference_run
from trajcast.reference.structure import structure_of
from trajcast.training.repeated import STARTS, STEPS

FRAME_BYTES = 24  # per atom: position and velocity in single precision
PAIR_BYTES = 48
WEIGHT_BYTES = 8
START_S = 3.0  # import of Python and PyTorch
OBSERVE_S = 3e-5  # approximate time for all observables, per atom and frame
QUICK = ("health", "literature", "report", "pretrained", "paper", "paper_figure", "paper_table")


@dataclass(frozen=True, kw_only=True)
class Price:
    """Resources used by one job."""

    cpu_s: float  # on one core, without a GPU
    gpu_s: float | None = None  # on one GPU; None for jobs without GPU
    disk: float = 0.0  # bytes of output


class Prices:
    """Prices of the jobs of one configuration."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.size = cache(self._size)

    def of(self, rule: str, wildcards: Mapping[str, str]) -> Price | None:
        """Price of a job; None if its rule has none."""
        name = "quick" if rule in QUICK else rule
        function: Callable[..., Price] | None = getattr(self, f"_{name}", None)
        return None if function is None else function(dict(wildcards))

    def _size(self, system: str, cutoff_A: float | None = None) -> Size:
        """Size of the reference's initial structure; by default with the cutoff of the trained network."""
        reference = self.plan.system(system).reference
        spec, positions = structure_of(reference)
        check_structure(self.plan.system(system), spec, f"config.yaml: systems.{system}")
        cutoff = cutoff_A or self.plan.system(system).training.network.cutoff_A
        neighbors = find_neighbors(spec.state(positions, 0 * positions), cutoff)
        kind = reference.potential or reference.system
        return Size(kind=kind, atoms=spec.n_atoms, edges=len(neighbors.index))

    def _quick(self, wildcards: dict[str, str]) -> Price:
        return Price(cpu_s=START_S)

    def _md(self, system: str, duration_ps: float, interval_fs: float) -> Price:
        reference, size = self.plan.system(system).reference, self.size(system)
        frames = duration_ps * PS / interval_fs
        return Price(
            cpu_s=duration_ps * PS / reference.timestep_fs * md_seconds(size) + frames * frame_seconds(),
            disk=frames * size.atoms * FRAME_BYTES,
        )

    def _equilibration(self, wildcards: dict[str, str]) -> Price:
        reference = self.plan.system(wildcards["system"]).reference
        parts = [CONSTANT_PRESSURE] if reference.equilibration.npt else []
        prices = [self._run(wildcards["system"], part) for part in (*parts, EQUILIBRATION)]
        return Price(cpu_s=sum(price.cpu_s for price in prices), disk=sum(price.disk for price in prices))

    def _nve(self, wildcards: dict[str, str]) -> Price:
        return self._run(wildcards["system"], "nve")

    def _nvt(self, wildcards: dict[str, str]) -> Price:
        return self._run(wildcards["system"], "nvt")

    def _nvt_2(self, wildcards: dict[str, str]) -> Price:
        return self._run(wildcards["system"], "nvt_2")

    def _run(self, system: str, part: str) -> Price:
        """Price of a reference run with its recorded frames."""
        reference = self.plan.system(system).reference
        run = reference_run(reference, part)
        return self._md(system, run.steps * reference.timestep_fs / PS, run.every * reference.timestep_fs)

    def _timestep(self, wildcards: dict[str, str]) -> Price:
        """Counts all timesteps of the study, which may stop earlier."""
        system = self.plan.system(wildcards["system"])
        assert system.studies.timestep is not None
        duration_ps, timestep_fs = system.studies.timestep.duration_ps, system.reference.timestep_fs
        shares = [timestep_fs / tested_fs for tested_fs in system.studies.timestep.timesteps_fs]
        return self._md(wildcards["system"], duration_ps * sum(shares), timestep_fs)

    def _dataset(self, wildcards: dict[str, str]) -> Price:
        samples = self.plan.system(wildcards["system"]).dataset_at(float(wildcards["horizon"])).samples
        count = samples.training + samples.validation + samples.test
        size = self.size(wildcards["system"])
        return Price(cpu_s=START_S + count * size.atoms * OBSERVE_S, disk=count * size.atoms * PAIR_BYTES)

    def _train(self, wildcards: dict[str, str]) -> Price:
        """Counts all epochs within the budget; training may stop earlier."""
        training = self.plan.system(wildcards["system"]).training
        data = self.plan.system(wildcards["system"]).dataset_at(float(wildcards["horizon"]))
        samples, seconds = int(wildcards["samples"]), {}
        for device in ("cpu", "gpu"):
            size = self.size(wildcards["system"])
            step = network_seconds(device, "training", size, training)
            check = network_seconds(device, "rollout", size, training) * 2 * data.samples.validation
            whole = training.max_epochs * (samples * (1 + data.time_reversed) * step + check)
            seconds[device] = min(whole, 60 * (training.budget_minutes or math.inf))
        parameters = 2.2e6 * (training.network.channels / 64) ** 2  # approximate
        return Price(cpu_s=seconds["cpu"], gpu_s=seconds["gpu"], disk=parameters * WEIGHT_BYTES)

    def _evaluate(self, wildcards: dict[str, str]) -> Price:
        data = self.plan.system(wildcards["system"]).dataset_at(float(wildcards["horizon"]))
        return self._steps(wildcards, data.samples.test + STARTS * max(STEPS))

    def _rollout(self, wildcards: dict[str, str]) -> Price:
        system, run = wildcards["system"], wildcards["run"]
        horizon = self.plan.run_horizon(system, run)
        where = {"system": system, "horizon": horizon, "model": self.plan.model(system, run)}
        return self._steps_and_frames(where, self.plan.system(system).rollout_of(run))

    def _thermostat(self, wildcards: dict[str, str]) -> Price:
        study = self.plan.system(wildcards["system"]).studies.thermostat
        assert study is not None
        return self._steps(wildcards, study.steps + max(1, study.steps // 10))

    def _same_start(self, wildcards: dict[str, str]) -> Price:
        study = self.plan.system(wildcards["system"]).studies.same_start
        assert study is not None
        return self._steps(wildcards, study.duration_fs / float(wildcards["horizon"]))

    def _speed(self, wildcards: dict[str, str]) -> Price:
        study = self.plan.system(wildcards["system"]).studies.speed
        assert study is not None
        copies = math.prod(int(part) for part in wildcards["cell"].split("x"))
        return self._steps(wildcards, study.steps, copies)

    def _cooling_md(self, wildcards: dict[str, str]) -> Price:
        study = cooling_study(self.plan, wildcards["system"])
        return self._md(wildcards["system"], study.duration_ps, study.interval_fs)

    def _cooling_rollout(self, wildcards: dict[str, str]) -> Price:
        settings = rollout_settings(self.plan, wildcards["system"], wildcards["horizon"], wildcards["seed"])
        return self._steps_and_frames(wildcards, settings)

    def _cooling(self, wildcards: dict[str, str]) -> Price:
        study = cooling_study(self.plan, wildcards["system"])
        runs = len(study.seeds) * (1 + len(cooled_horizons(self.plan, wildcards["system"])))
        frames = runs * study.duration_ps * PS / study.interval_fs
        return Price(cpu_s=START_S + frames * self.size(wildcards["system"]).atoms * OBSERVE_S)

    def _observe(self, wildcards: dict[str, str]) -> Price:
        system, run = self.plan.system(wildcards["system"]), wildcards["run"]
        rollout = system.rollout_of(run)
        duration_fs = (rollout.duration_ps + system.reference.nvt.duration_ps) * PS
        frames = duration_fs / (system.horizon_of(run) * rollout.frame_every)
        return Price(cpu_s=START_S + frames * self.size(wildcards["system"]).atoms * OBSERVE_S)

    def _steps_and_frames(self, wildcards: dict[str, str], settings: RolloutSettings) -> Price:
        horizon, copies = float(wildcards["horizon"]), math.prod(settings.supercell) * settings.replicas
        steps = (settings.duration_ps + settings.equilibration_ps) * PS / horizon
        kept = settings.duration_ps * PS / horizon / settings.frame_every
        disk = kept * self.size(wildcards["system"]).atoms * copies * FRAME_BYTES
        return self._steps(wildcards, steps, copies, disk)

    def _steps(self, wildcards: Mapping[str, str], steps: float, copies: int = 1, disk: float = 0.0) -> Price:
        """Price of `steps` passes through the model's network, for `copies` of the system at once."""
        system, training, cutoff_A = wildcards["system"], self.plan.system(wildcards["system"]).training, None
        if (model := wildcards.get("model", "").removeprefix("model-")) in shipped.names():
            record = shipped.record(model)
            training = replace(
                training,
                network=NetworkSettings(**record["network"], cutoff_A=record["cutoff_A"]),
                dtype=record["dtype"],
                tf32=False,
            )
            cutoff_A = record["cutoff_A"]
        size = self.size(system, cutoff_A)
        larger = Size(kind=size.kind, atoms=copies * size.atoms, edges=copies * size.edges)
        cpu, gpu = (steps * network_seconds(device, "rollout", larger, training) for device in ("cpu", "gpu"))
        return Price(cpu_s=START_S + cpu, gpu_s=START_S + gpu, disk=disk)
