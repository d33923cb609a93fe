"""Generates LLVM IR for loops over vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count


class Code:
    """Builder of the LLVM IR of one function; methods append instructions and return the names of their results.

    Args:
        lanes: Numbers per vector.
        scalar: LLVM type of the numbers, `float` or `double`.
    """

    def __init__(self, lanes: int, scalar: str):
        self.lines: list[str] = []
        self.scalar, self.lanes = scalar, lanes
        self.vector = f"<{lanes} x {scalar}>"
        self.fma = f"@llvm.fmuladd.v{lanes}f{32 if scalar == 'float' else 64}"
        self._names = count()
        self._block = "entry"

    def let(self, value: str) -> str:
        """Assign the instruction `value` to a new name."""
        name = f"%v{next(self._names)}"
        self.lines.append(f"  {name} = {value}")
        return name

    def at(self, pointer: str, offset: str | int, kind: str | None = None) -> str:
        """`pointer` advanced by `offset` numbers of type `kind`, by default `scalar`."""
        return self.let(f"getelementptr inbounds {kind or self.scalar}, ptr {pointer}, i64 {offset}")

    def times(self, a: str, b: str | int) -> str:
        return self.let(f"mul i64 {a}, {b}")

    def integer(self, pointer: str, offset: str | int) -> str:
        """The 64-bit integer at `offset` in the array at `pointer`."""
        return self.let(f"load i64, ptr {self.at(pointer, offset, 'i64')}")

    def load(self, pointer: str) -> str:
        return self.let(f"load {self.vector}, ptr {pointer}, align {self._align}")

    def store(self, value: str, pointer: str) -> None:
        self.lines.append(f"  store {self.vector} {value}, ptr {pointer}, align {self._align}")

    def spread(self, pointer: str) -> str:
        """Vector with the number at `pointer` in every lane."""
        number = self.let(f"load {self.scalar}, ptr {pointer}")
        one = self.let(f"insertelement {self.vector} poison, {self.scalar} {number}, i32 0")
        return self.let(
            f"shufflevector {self.vector} {one}, {self.vector} poison, <{self.lanes} x i32> zeroinitializer"
        )

    def mul(self, a: str, b: str) -> str:
        return self.let(f"fmul {self.vector} {a}, {b}")

    def add(self, a: str, b: str, c: str | None) -> str:
        """a · b + c, fused if the processor can; None stands for c = 0."""
        if c is None:
            return self.mul(a, b)
        return self.let(f"call {self.vector} {self.fma}({self.vector} {a}, {self.vector} {b}, {self.vector} {c})")

    @property
    def _align(self) -> int:
        return 4 if self.scalar == "float" else 8

    def rows(self, pointer: str, number: int, stride: str) -> list[str]:
        """Pointers to `number` rows, `stride` apart."""
        pointers = [pointer]
        for _ in range(number - 1):
            pointers.append(self.at(pointers[-1], stride))
        return pointers

    def loop(
        self, start: str, end: str, carried: Sequence[str], body: Callable[[str, list[str]], Sequence[str]]
    ) -> list[str]:
        """Loop over start ≤ i < end.

        Args:
            carried: Initial values of the vectors that are carried from one iteration to the next.
            body: Called with i and the carried vectors; returns their next values.

        Returns:
            The carried vectors after the last iteration.
        """
        number = next(self._names)
        before, head = self._block, f"head{number}"
        i, next_i = f"%i{number}", f"%next{number}"
        values = [f"%c{number}.{k}" for k in range(len(carried))]
        self.lines += [f"  br label %{head}", f"{head}:"]
        phi_line = len(self.lines)
        self.lines += [
            f"  %go{number} = icmp slt i64 {i}, {end}",
            f"  br i1 %go{number}, label %body{number}, label %done{number}",
            f"body{number}:",
        ]
        self._block = f"body{number}"
        results = body(i, values)
        self.lines += [f"  {next_i} = add i64 {i}, 1", f"  br label %{head}", f"done{number}:"]
        phis = [f"  {i} = phi i64 [ {start}, %{before} ], [ {next_i}, %{self._block} ]"]
        phis += [
            f"  {value} = phi {self.vector} [ {first}, %{before} ], [ {result}, %{self._block} ]"
            for value, first, result in zip(values, carried, results, strict=True)
        ]
        self.lines[phi_line:phi_line] = phis
        self._block = f"done{number}"
        return values

    def function(self, name: str) -> str:
        """The function `name` with the instructions so far as its body; its argument is a pointer `%arguments`."""
        body = "\n".join(self.lines)
        return (
            f"define void @{name}(ptr noalias readonly %arguments) #0 {{\nentry:\n{body}\n  ret void\n}}\n"
            f"declare {self.vector} {self.fma}({self.vector}, {self.vector}, {self.vector})\n"
        )
