"""Writing LLVM's language for loops over vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count


class Code:
    """Lines of LLVM's language; values are their names."""

    def __init__(self, lanes: int, scalar: str):
        self.lines: list[str] = []
        self.scalar, self.lanes = scalar, lanes
        self.vector = f"<{lanes} x {scalar}>"
        self.fma = f"@llvm.fmuladd.v{lanes}f{32 if scalar == 'float' else 64}"
        self._names = count()
        self._block = "entry"

    def let(self, value: str) -> str:
        name = f"%v{next(self._names)}"
        self.lines.append(f"  {name} = {value}")
        return name

    def at(self, pointer: str, offset: str | int, kind: str | None = None) -> str:
        return self.let(f"getelementptr inbounds {kind or self.scalar}, ptr {pointer}, i64 {offset}")

    def times(self, a: str, b: str | int) -> str:
        return self.let(f"mul i64 {a}, {b}")

    def integer(self, pointer: str, offset: str | int) -> str:
        return self.let(f"load i64, ptr {self.at(pointer, offset, 'i64')}")

    def load(self, pointer: str) -> str:
        return self.let(f"load {self.vector}, ptr {pointer}, align {self._align}")

    def store(self, value: str, pointer: str) -> None:
        self.lines.append(f"  store {self.vector} {value}, ptr {pointer}, align {self._align}")

    def spread(self, pointer: str) -> str:
        """The number at `pointer` in every lane."""
        number = self.let(f"load {self.scalar}, ptr {pointer}")
        one = self.let(f"insertelement {self.vector} poison, {self.scalar} {number}, i32 0")
        return self.let(
            f"shufflevector {self.vector} {one}, {self.vector} poison, <{self.lanes} x i32> zeroinitializer"
        )

    def mul(self, a: str, b: str) -> str:
        return self.let(f"fmul {self.vector} {a}, {b}")

    def add(self, a: str, b: str, c: str | None) -> str:
        """a b + c."""
        if c is None:
            return self.mul(a, b)
        return self.let(f"call {self.vector} {self.fma}({self.vector} {a}, {self.vector} {b}, {self.vector} {c})")

    @property
    def _align(self) -> int:
        return 4 if self.scalar == "float" else 8

    def rows(self, pointer: str, number: int, stride: str) -> list[str]:
        """Where `number` rows begin, `stride` apart."""
        found = [pointer]
        for _ in range(number - 1):
            found.append(self.at(found[-1], stride))
        return found

    def loop(
        self, start: str, end: str, carried: Sequence[str], body: Callable[[str, list[str]], Sequence[str]]
    ) -> list[str]:
        """Run `body(i, carried)` for start ≤ i < end; it gives the carried vectors' next values. Their last values."""
        number = next(self._names)
        before, head = self._block, f"head{number}"
        i, following = f"%i{number}", f"%next{number}"
        values = [f"%c{number}.{k}" for k in range(len(carried))]
        self.lines += [f"  br label %{head}", f"{head}:"]
        place = len(self.lines)
        self.lines += [
            f"  %go{number} = icmp slt i64 {i}, {end}",
            f"  br i1 %go{number}, label %body{number}, label %done{number}",
            f"body{number}:",
        ]
        self._block = f"body{number}"
        results = body(i, values)
        self.lines += [f"  {following} = add i64 {i}, 1", f"  br label %{head}", f"done{number}:"]
        phis = [f"  {i} = phi i64 [ {start}, %{before} ], [ {following}, %{self._block} ]"]
        phis += [
            f"  {value} = phi {self.vector} [ {first}, %{before} ], [ {result}, %{self._block} ]"
            for value, first, result in zip(values, carried, results, strict=True)
        ]
        self.lines[place:place] = phis
        self._block = f"done{number}"
        return values

    def function(self, name: str) -> str:
        body = "\n".join(self.lines)
        return (
            f"define void @{name}(ptr noalias readonly %arguments) #0 {{\nentry:\n{body}\n  ret void\n}}\n"
            f"declare {self.vector} {self.fma}({self.vector}, {self.vector}, {self.vector})\n"
        )
