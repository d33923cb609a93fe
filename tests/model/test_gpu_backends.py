"""What can be tested of GPU backends without a GPU: their mathematics, and that kernels compile."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import test_backends as parity
import torch

from trajcast.model import ops
from trajcast.model.ops import cuequivariance, dense
from trajcast.model.ops._trial import disagreement
from trajcast.model.paths import ByIrrep

SMALL = ["first layer", "both parities", "odd scalars only"]


@pytest.mark.parametrize("dtype", parity.RELATIVE, ids=str)
@pytest.mark.parametrize("shape", [parity.SHAPES[name] for name in SMALL], ids=SMALL)
def test_cuequivariance_gets_the_right_polynomial(shape: parity.ProductShape, dtype: torch.dtype) -> None:
    pytest.importorskip("cuequivariance_torch", reason="cuequivariance_torch is not installed")
    for paired in (False, True):
        assert parity.edge_difference(cuequivariance, shape, dtype, paired) <= parity.RELATIVE[dtype]
    assert parity.node_difference(cuequivariance, shape, dtype) <= parity.RELATIVE[dtype]


def test_triton_kernels_in_the_interpreter() -> None:
    """In a process of its own, for the interpreter is chosen when Triton is imported."""
    pytest.importorskip("triton", reason="Triton is not installed")
    small = "triton and ((odd and float32) or (both and float64))"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", parity.__file__, "-k", small],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"^8 passed", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.parametrize("name", ["forward", "backward"])
@pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION")  # launches ask for fusion themselves
def test_triton_kernels_compile_for_a_gpu(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    triton = pytest.importorskip("triton", reason="Triton is not installed")
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from trajcast.model.ops._triton_kernels import kernels

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    kernel = getattr(kernels(1, 2), name)
    constants = {"channels": 64, "parities": 2, "EDGES": 4, "COLUMNS": 64}
    integers = {"first", "neighbors", "edges", "receivers", "places"}
    types = {a: "constexpr" if a in constants else "*i64" if a in integers else "*fp32" for a in kernel.arg_names}
    source = ASTSource(fn=kernel, signature=types | {"atoms": "i32"}, constexprs=constants)
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32))
    (tmp_path / "kernel.cubin").write_bytes(compiled.asm["cubin"])
    tool = [triton.knobs.nvidia.cuobjdump.path, "-res-usage", tmp_path / "kernel.cubin"]
    usage = subprocess.run(tool, capture_output=True, text=True, check=True).stdout
    assert "LOCAL:0" in usage, usage  # all sums stay in registers


def test_a_trial_finds_wrong_and_failing_backends() -> None:
    def scaled(*arguments: object) -> ByIrrep:
        return {irrep: 1.02 * x for irrep, x in dense.edge_product(*arguments).items()}

    def failing(*arguments: object) -> ByIrrep:
        raise RuntimeError("no kernel image")

    for dtype in parity.RELATIVE:
        assert disagreement(dense, dense, parity.CPU, dtype) is None
        wrong = SimpleNamespace(edges=dense.edges, edge_product=scaled, node_product=dense.node_product)
        assert disagreement(wrong, dense, parity.CPU, dtype) == "results differ by 2.0e-02 from those of plain PyTorch"
    broken = SimpleNamespace(edges=dense.edges, edge_product=failing, node_product=dense.node_product)
    assert disagreement(broken, dense, parity.CPU, torch.float32) == "RuntimeError: no kernel image"


@pytest.mark.skipif(torch.cuda.is_available(), reason="what fails without a GPU works here")
def test_backends_that_fail_on_the_device_are_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    device = torch.device("cuda")
    ops.choose.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert [ops.choose(device, torch.float32) for _ in range(2)] == [dense, dense]
    able = [n for n in ops.names() if ops.named_module("model.ops", n).unavailable(device, torch.float32) is None]
    skipped = [n for n in able if ops.named_module("model.ops", n).RANK > dense.RANK]
    assert sorted(record.args[0] for record in caplog.records) == skipped
