"""The GPU kit: `python -m benchmarks.gpu --minutes 10 --out DIR --data molecule-7fs.h5`, see docs/gpu.md.

In one go on one device: parity of all backends with e3nn's modules, the speed table, training of the paper's network
for the time there is, its test errors, and a rollout. Run again with the same DIR, training goes on.
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
"""When each stage ends, in parts of the whole time; what a stage leaves over is the next one's."""
PARITY_CASES = (("molecule-20", "float32"), ("molecule-20", "float64"), ("crystal-162", "float32"))
SUMMARY = "summary.json"
CELL_S = 5.0  # for one cell of the speed table
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
        """Keep what a stage found, at once."""
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
    found = perform([{**task, "device": str(kit.device)} for task in tasks], kit.end("parity"))
    for check in found:
        log.info("parity %(case)s %(dtype)s %(backend)s", check)
        log.info("  %s", check.get("failed") or check["result"])
    kit.save("unavailable", {n: _reason(n, kit.device) for n in ops.names() if n not in names})
    kit.save("parity", found)


def usable(kit: Kit) -> list[str]:
    """Backends that passed what they were put to, in float32 at least once, best first; `e3nn` at the end."""
    checks = kit.summary["parity"]
    failed = {c["backend"] for c in checks if "failed" in c or not c["result"]["within"]}
    passed = {c["backend"] for c in checks if c["dtype"] == "float32"} - failed
    return [*sorted(passed, key=lambda name: -named_module("model.ops", name).RANK), "e3nn"]


def speed(kit: Kit, case: str) -> None:
    """The speed table, the case that will be trained first, as far as the time goes."""
    tasks = [
        {"do": "speed", **cell, "limit_s": CELL_S, "device": str(kit.device)}
        for cell in cells(case, kit.network, usable(kit))
    ]
    found = perform(tasks, kit.end("speed"))
    for cell in found:
        what = cell.get("failed") or f"{cell['result']['ms_per_step']:.3g} ms/step, {cell['result']['peak_mb']:.0f} MB"
        log.info("speed %s %s %s %s: %s", cell["case"], cell["mode"], cell["dtype"], cell["backend"], what)
    kit.save("speed", found)


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
    except UserError as error:  # the last good model is still there
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
    """The backends that can be used, those first that are likely to be taken: time may not suffice for all."""
    names = [name for name in ops.names() if _reason(name, device) is None]
    return sorted(names, key=lambda name: -named_module("model.ops", name).RANK)


def _reason(name: str, device: torch.device) -> str | None:
    """Why a backend can't be used, None where it can."""
    try:
        reason: str | None = named_module("model.ops", name).unavailable(device, torch.float32)
    except Exception as error:  # of any library that it is made of
        reason = f"{type(error).__name__}: {error}"
    return reason


def _nearest(dataset: Dataset | None) -> str:
    """The case of the speed table that is most like the data."""
    if dataset is None:
        return "molecule-20"
    atoms, pbc = dataset.spec.n_atoms, bool(dataset.spec.pbc.any())
    alike = {"crystal-162": 162, "liquid-192": 192} if pbc else {"molecule-20": 20}
    if 8 in dataset.spec.numbers and 14 not in dataset.spec.numbers:
        alike.pop("crystal-162", None)
    return min(alike, key=lambda case: abs(alike[case] - atoms))


def _identity(dataset: Dataset | None, network: str) -> str:
    return fingerprint(dict(dataset.provenance) if dataset else None, network)


def _work_folder(out: Path) -> Path:
    """Where large files lie until all is done; what a killed call left there is of use as long as `out` is there."""
    work = Path(tempfile.gettempdir(), f"trajcast-gpu-{fingerprint(str(out.absolute()))}")
    if not (out / SUMMARY).exists():
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(exist_ok=True)
    return work


def _earlier(out: Path, here: dict[str, Any]) -> dict[str, Any]:
    """The summary of an earlier call; parity and speed only if they are those of this device."""
    path = out / SUMMARY
    if not path.exists():
        return here
    summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if summary["identity"] != here["identity"]:
        raise UserError(f"{out}: made with other data or another network; choose another --out")
    if any(summary[name] != here[name] for name in ("device", "torch")):
        for stage in ("parity", "speed", "unavailable"):
            summary.pop(stage, None)
    return {**summary, **here}


def run(arguments: argparse.Namespace, start: float) -> None:
    """All stages that there is time for."""
    device = use_device(arguments.device, torch.get_num_threads())
    dataset = read_dataset(arguments.data) if arguments.data else None
    arguments.out.mkdir(parents=True, exist_ok=True)
    work = _work_folder(arguments.out)
    logging.getLogger().addHandler(logging.FileHandler(arguments.out / "log.txt", encoding="utf-8"))
    here = {
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
        summary=_earlier(arguments.out, here),
    )
    log.info("%s, torch %s, %g minutes", here["device"], here["torch"], arguments.minutes)
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
    parser.add_argument("--minutes", type=float, required=True, help="for everything, start-up included")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="results; those of an earlier call go on"
    )
    parser.add_argument("--data", type=Path, metavar="H5", help="data set; without it parity and speed only")
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
