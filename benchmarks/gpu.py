"""The GPU kit: `python -m benchmarks.gpu --minutes 10 --out DIR --data molecule-7fs.h5`, see docs/gpu.md.

One command for one device: parity of all backends with the modules of e3nn, the speed table, training of the paper's
network within the time budget, its test errors, and a rollout. Run again with the same DIR, training resumes.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.cases import CASES
from benchmarks.gpu_rollout import rollout_until
from benchmarks.gpu_speed import cells, fastest
from benchmarks.gpu_training import MODEL, train_until, training_settings
from benchmarks.gpu_worker import perform
from benchmarks.models import NETWORKS
from trajcast.core.device import use_device
from trajcast.core.errors import UserError
from trajcast.core.plugins import named_module
from trajcast.data.dataset import Dataset, read_dataset
from trajcast.io.files import fingerprint, write_json
from trajcast.model import ops
from trajcast.model.store import load_model
from trajcast.training.evaluation import evaluate

ENDS = {"parity": 0.15, "speed": 0.35, "training": 0.8, "rollout": 0.95}
"""When each stage ends, as fractions of the whole time; unused time goes to the next stage."""
PARITY_CASES = (("molecule-20", "float32"), ("molecule-20", "float64"), ("crystal-162", "float32"))
SUMMARY = "summary.json"
CELL_S = 5.0  # time limit of one cell of the speed table
log = logging.getLogger("gpu")


@dataclass(frozen=True, kw_only=True)
class Kit:
    """One call of the kit."""

    start: float  # on `time.monotonic`
    seconds: float
    out: Path
    device: torch.device
    network: str
    summary: dict[str, Any]

    def end(self, stage: str) -> float:
        """When `stage` must be over, on `time.monotonic`."""
        return self.start + self.seconds * ENDS[stage]

    def save(self, stage: str, result: Any) -> None:
        """Add the result of a stage to the summary and write it."""
        self.summary[stage] = result
        write_json(self.out / SUMMARY, self.summary)
        log.info("%s: done after %.0f s", stage, time.monotonic() - self.start)


def parity(kit: Kit) -> None:
    """Compare every available backend with `e3nn`."""
    names = _available(kit.device)
    tasks = [
        {"do": "parity", "case": case, "dtype": dtype, "network": kit.network, "backend": name}
        for case, dtype in PARITY_CASES
        for name in names
        if name != "e3nn"
    ]
    checks = perform([{**task, "device": str(kit.device)} for task in tasks], kit.end("parity"))
    for check in checks:
        log.info("parity %(case)s %(dtype)s %(backend)s", check)
        log.info("  %s", check.get("failed") or check["result"])
    kit.save("unavailable", {n: _reason(n, kit.device) for n in ops.names() if n not in names})
    kit.save("parity", checks)


def usable(kit: Kit) -> list[str]:
    """Backends that passed all checks, at least one in float32, by decreasing rank; `e3nn` is last."""
    checks = kit.summary["parity"]
    failed = {c["backend"] for c in checks if "failed" in c or not c["result"]["within"]}
    passed = {c["backend"] for c in checks if c["dtype"] == "float32"} - failed
    return [*sorted(passed, key=lambda name: -named_module("model.ops", name).RANK), "e3nn"]


def speed(kit: Kit, case: str) -> None:
    """Measure the speed table within the time limit, starting with the case to be trained."""
    tasks = [
        {"do": "speed", **cell, "limit_s": CELL_S, "device": str(kit.device)}
        for cell in cells(case, kit.network, usable(kit))
    ]
    results = perform(tasks, kit.end("speed"))
    for cell in results:
        text = cell.get("failed") or f"{cell['result']['ms_per_step']:.3g} ms/step, {cell['result']['peak_mb']:.0f} MB"
        log.info("speed %s %s %s %s: %s", cell["case"], cell["mode"], cell["dtype"], cell["backend"], text)
    kit.save("speed", results)


def train_and_use(kit: Kit, dataset: Dataset, case: str, work: Path) -> None:
    """Train, evaluate on the test split, roll out."""
    backends = {mode: fastest(kit.summary["speed"], case, mode, usable(kit)) for mode in ("train", "rollout")}
    log.info("backends: %s", backends)
    settings = training_settings(NETWORKS[kit.network], dataset)
    until = kit.end("training")
    try:
        record = train_until(
            until, settings, replace(dataset, time_reversed=True), kit.out, work, kit.device, backends["train"]
        )
    except UserError as error:  # the model of an earlier instalment may exist
        record = {"failed": str(error)}
        log.error("training: %s", error)
    kit.save("training", record)
    if not (kit.out / MODEL).exists():
        return
    model = load_model(kit.out / MODEL, kit.device)
    model.backend = backends["rollout"]
    kit.save("test", evaluate(model, dataset))
    log.info("test: %s", kit.summary["test"])
    rolled = rollout_until(kit.end("rollout"), model, dataset, work)
    kit.save("rollout", {"backend": backends["rollout"], **rolled})
    for outcome in rolled["replicas"]:
        log.info("rollout: %(outcome)s %(reason)s, %(time_ps).4g ps, %(ns_per_day).3g ns/day", outcome)


def _available(device: torch.device) -> list[str]:
    """Usable backends by decreasing rank, since time may not suffice for all."""
    names = [name for name in ops.names() if _reason(name, device) is None]
    return sorted(names, key=lambda name: -named_module("model.ops", name).RANK)


def _reason(name: str, device: torch.device) -> str | None:
    """Why a backend is unavailable; None if it is available."""
    try:
        reason: str | None = named_module("model.ops", name).unavailable(device, torch.float32)
    except Exception as error:  # from any library that the backend uses
        reason = f"{type(error).__name__}: {error}"
    return reason


def _nearest(dataset: Dataset | None) -> str:
    """The case of the speed table most similar to the data."""
    if dataset is None:
        return "molecule-20"
    atoms, pbc = dataset.spec.n_atoms, bool(dataset.spec.pbc.any())
    sizes = {"crystal-162": 162, "liquid-192": 192} if pbc else {"molecule-20": 20}
    if 8 in dataset.spec.numbers and 14 not in dataset.spec.numbers:
        sizes.pop("crystal-162", None)
    return min(sizes, key=lambda case: abs(sizes[case] - atoms))


def _identity(dataset: Dataset | None, network: str) -> str:
    return fingerprint(dict(dataset.provenance) if dataset else None, network)


def _work_folder(out: Path) -> Path:
    """Temporary folder for large files; files of a killed call are reused as long as its summary exists in `out`."""
    work = Path(tempfile.gettempdir(), f"trajcast-gpu-{fingerprint(str(out.absolute()))}")
    if not (out / SUMMARY).exists():
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(exist_ok=True)
    return work


def _summary(out: Path, current: dict[str, Any]) -> dict[str, Any]:
    """The summary of an earlier call, updated with `current`; parity and speed only if measured on the same device.

    Raises:
        UserError: If the earlier call used other data or another network.
    """
    path = out / SUMMARY
    if not path.exists():
        return current
    summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if summary["identity"] != current["identity"]:
        raise UserError(f"{out}: holds results for other data or another network; choose another --out")
    if any(summary[name] != current[name] for name in ("device", "torch")):
        for stage in ("parity", "speed", "unavailable"):
            summary.pop(stage, None)
    return {**summary, **current}


def run(arguments: argparse.Namespace, start: float) -> None:
    """Run all stages."""
    device = use_device(arguments.device, torch.get_num_threads())
    dataset = read_dataset(arguments.data) if arguments.data else None
    arguments.out.mkdir(parents=True, exist_ok=True)
    work = _work_folder(arguments.out)
    logging.getLogger().addHandler(logging.FileHandler(arguments.out / "log.txt", encoding="utf-8"))
    current = {
        "identity": _identity(dataset, arguments.network),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "torch": torch.__version__,
        "network": arguments.network,
    }
    kit = Kit(
        start=start,
        seconds=60 * arguments.minutes,
        out=arguments.out,
        device=device,
        network=arguments.network,
        summary=_summary(arguments.out, current),
    )
    log.info("%s, torch %s, %g minutes", current["device"], current["torch"], arguments.minutes)
    case = _nearest(dataset)
    assert case in CASES
    if "parity" not in kit.summary:
        parity(kit)
    if "speed" not in kit.summary:
        speed(kit, case)
    if dataset is not None:
        train_and_use(kit, dataset, case, work)
    shutil.rmtree(work)
    log.info("finished after %.0f s", time.monotonic() - start)


def main() -> int:
    start = time.monotonic()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--minutes", type=float, required=True, help="time for all stages, including start-up")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for results; continues those of an earlier call"
    )
    parser.add_argument("--data", type=Path, metavar="H5", help="data set; without it, only parity and speed")
    parser.add_argument("--device", default="cuda", help="default: %(default)s")
    parser.add_argument("--network", choices=sorted(NETWORKS), default="paper", help="default: %(default)s")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        run(arguments, start)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
