"""Machine code from LLVM's language, made in memory for this processor by llvmlite."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch

Function = Callable[[int], None]


@cache
def vector_bytes() -> int:
    """Size of this processor's vector registers."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx") else 16


@cache
def compiled(sources: tuple[str, ...], names: tuple[str, ...]) -> list[Function]:
    """The functions `names` of `sources`; each takes the address of its arguments. Calls run beside other threads."""
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
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_unrolling = options.loop_vectorization = options.slp_vectorization = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    _engines.append(engine)
    kind = ctypes.CFUNCTYPE(None, ctypes.c_int64)
    return [kind(engine.get_function_address(name)) for name in names]


_engines: list[object] = []  # the code lives as long as its engine


def _without_repeated_declarations(sources: Sequence[str]) -> list[str]:
    lines = [line for source in sources for line in source.splitlines()]
    declarations = dict.fromkeys(line for line in lines if line.startswith("declare"))
    return [*declarations, *(line for line in lines if not line.startswith("declare"))]


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="kernel")


def run(calls: Sequence[tuple[Function, int]]) -> None:
    """Call every function with its arguments' address, on as many threads as PyTorch uses; the costliest come first."""
    threads = min(torch.get_num_threads(), len(calls))
    if threads <= 1:
        _run(calls)
        return
    others = [_pool(threads - 1).submit(_run, calls[k::threads]) for k in range(1, threads)]
    _run(calls[::threads])
    for other in others:
        other.result()


def _run(calls: Sequence[tuple[Function, int]]) -> None:
    for function, address in calls:
        function(address)
