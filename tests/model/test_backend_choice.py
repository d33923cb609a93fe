"""Which backend is taken: the fastest on the device, measured once."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from trajcast.model.ops import _measured, cuequivariance, dense
from trajcast.model.ops._measured import Sizes, fastest, seconds

CPU, SIZES = torch.device("cpu"), Sizes(channels=2, l_max=1, neighbors=3)


def slowed(name: str, by_s: float, calls: list[str]) -> Any:
    """Plain PyTorch that waits."""

    def edge_product(*arguments: Any) -> Any:
        calls.append(name)
        time.sleep(by_s)
        return dense.edge_product(*arguments)

    return SimpleNamespace(__name__=f"ops.{name}", edges=dense.edges, edge_product=edge_product)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "trajcast" / "backends.json"


def test_the_fastest_is_taken_and_the_log_says_how_fast(kept: Path, caplog: pytest.LogCaptureFixture) -> None:
    calls: list[str] = []
    backends = [slowed("slow", 0.02, calls), slowed("fast", 0.0, calls)]
    with caplog.at_level(logging.INFO):
        assert fastest(backends, CPU, torch.float32, SIZES).__name__ == "ops.fast"
    assert "backend fast on cpu; product and gradients for 200 atoms: fast" in caplog.text
    assert "slow" in caplog.text
    (times,) = json.loads(kept.read_text()).values()
    assert times["slow"] > 0.02 > times["fast"] > 0


def test_what_was_measured_is_not_measured_again(kept: Path) -> None:
    """Unless device, precision, sizes or backends are others, or the file is damaged."""
    calls: list[str] = []
    backends = [slowed("slow", 0.005, calls), slowed("fast", 0.0, calls)]
    fastest(backends, CPU, torch.float32, SIZES)
    many = len(calls)
    assert many > 0
    assert fastest(backends, CPU, torch.float32, SIZES).__name__ == "ops.fast"
    assert len(calls) == many
    fastest(backends, CPU, torch.float64, SIZES)
    fastest(backends, CPU, torch.float32, Sizes(channels=3, l_max=1, neighbors=3))
    fastest([*backends, slowed("third", 0.0, calls)], CPU, torch.float32, SIZES)
    assert len(calls) == many + many + many + many * 3 // 2
    kept.write_text("{")
    fastest(backends, CPU, torch.float32, SIZES)
    assert len(calls) == 4 * many + many * 3 // 2


def test_a_folder_that_cannot_be_written_costs_a_trial_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "trajcast").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with caplog.at_level(logging.INFO):
        fastest([slowed("one", 0.0, []), slowed("two", 0.01, [])], CPU, torch.float32, SIZES)
    assert "backend timings are not cached" in caplog.text


def test_times_are_those_of_the_product(kept: Path) -> None:
    assert 0.01 < seconds(slowed("slow", 0.01, []), CPU, torch.float32, SIZES) < 0.2


def test_a_library_whose_compiled_part_does_not_load_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuequivariance, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "cuequivariance_ops_torch", None)  # its import fails
    reason = cuequivariance.unavailable(torch.device("cuda"), torch.float32)
    assert reason is not None
    assert reason.startswith("its compiled part, cuequivariance_ops_torch, can't be loaded:")
    monkeypatch.setitem(sys.modules, "cuequivariance_ops_torch", ModuleType("cuequivariance_ops_torch"))
    assert cuequivariance.unavailable(torch.device("cuda"), torch.float32) is None


def test_a_network_asks_for_its_own_sizes() -> None:
    assert _measured.Sizes(channels=128, l_max=1, neighbors=52).shape.columns[1, -1] == 3 * 128
