"""Compiles LLVM IR in memory for the host processor, with llvmlite, and runs it on several threads."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray


@cache
def vector_bytes() -> int:
    """Size of the host processor's vector registers in bytes."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx") else 16


@cache
def compiled(sources: tuple[str, ...], names: tuple[str, ...]) -> list[int]:
    """Addresses of the functions `names` in `sources`; each takes the address of its argument array."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    text = "\n".join(_without_repeated_declarations(sources))
    width = 8 * vector_bytes()
    attributes = f'nounwind "prefer-vector-width"="{width}" "min-legal-vector-width"="{width}"'
    module = llvm.parse_assembly(f"{text}\nattributes #0 = {{ {attributes} }}\n")
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        codemodel="jitdefault",
        jit=True,
    )
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    _engines.append(engine)
    return [engine.get_function_address(name) for name in names]


_engines: list[object] = []  # keeps the engines alive, which own the code


def _without_repeated_declarations(sources: Sequence[str]) -> list[str]:
    lines = [line for source in sources for line in source.splitlines()]
    declarations = dict.fromkeys(line for line in lines if line.startswith("declare"))
    return [*declarations, *(line for line in lines if not line.startswith("declare"))]


def run(functions: NDArray[np.int64], arguments: NDArray[np.int64]) -> None:
    """Call each function with its row of `arguments`, on as many threads as PyTorch uses.

    Args:
        functions: Addresses, the most expensive functions first.
    """
    tasks = np.array([0, len(functions), functions.ctypes.data, arguments.ctypes.data, arguments.strides[0]])
    address = tasks.ctypes.data
    threads = min(torch.get_num_threads(), len(functions))
    if threads <= 1:
        _worker()(address)
    elif (parallel := _openmp()) is not None:
        parallel(_worker(), address, threads, 0)
    else:
        futures = [_pool(threads - 1).submit(_worker(), address) for _ in range(threads - 1)]
        _worker()(address)
        for future in futures:
            future.result()


WORKER = """\
define void @worker(ptr %tasks) #0 {
entry:
  %counter.end = getelementptr i64, ptr %tasks, i64 1
  %end = load i64, ptr %counter.end
  %functions.at = getelementptr i64, ptr %tasks, i64 2
  %functions = load ptr, ptr %functions.at
  %arguments.at = getelementptr i64, ptr %tasks, i64 3
  %arguments = load ptr, ptr %arguments.at
  %stride.at = getelementptr i64, ptr %tasks, i64 4
  %stride = load i64, ptr %stride.at
  br label %next
next:
  %task = atomicrmw add ptr %tasks, i64 1 monotonic
  %more = icmp slt i64 %task, %end
  br i1 %more, label %work, label %done
work:
  %function.at = getelementptr ptr, ptr %functions, i64 %task
  %function = load ptr, ptr %function.at
  %offset = mul i64 %task, %stride
  %argument = getelementptr i8, ptr %arguments, i64 %offset
  call void %function(ptr %argument)
  br label %next
done:
  ret void
}
"""
"""The loop of each thread: claims the next task with an atomic counter until none is left."""


@cache
def _worker() -> Callable[[int], None]:
    return ctypes.CFUNCTYPE(None, ctypes.c_int64)(compiled((WORKER,), ("worker",))[0])


@cache
def _openmp() -> Callable[..., Any] | None:
    """Starts a parallel region on PyTorch's OpenMP threads, which spin between regions; None without GNU OpenMP."""
    try:
        parallel = ctypes.CDLL(None).GOMP_parallel
    except (OSError, AttributeError, TypeError):
        return None
    parallel.restype, parallel.argtypes = None, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint, ctypes.c_uint]
    return parallel


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="kernel")
