"""A row of features as one value inside compiled functions.

LLVM has vectors of any width as values: a row of 64 numbers then lives in registers while a loop runs over edges, and
no intermediate array is written. numba does not offer them; this module adds the type `Lanes` with what the kernels
need. `+`, `-` and `*` work between Lanes of one kind and between Lanes and a number.

The width must be known when a function is compiled. It is carried by the length of a tuple, `width(64)`, which is
given to the kernel as an argument.
"""

from __future__ import annotations

import math
import operator
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

SUM = ("reassoc", "contract", "nsz")
"""What LLVM may do with sums of lanes."""


def width(n: int) -> tuple[bool, ...]:
    """Return a tuple whose length tells a kernel, at compile time, how many lanes a row has."""
    return (False,) * n


class Lanes(types.Type):
    """`n` numbers of one floating type."""

    def __init__(self, dtype: Any, n: int) -> None:
        self.dtype, self.n = dtype, n
        super().__init__(name=f"Lanes({dtype}, {n})")


def _vector(kind: Any) -> Any:
    return ir.VectorType(ir.FloatType() if kind.dtype == types.float32 else ir.DoubleType(), kind.n)


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _vector(kind))


def _spread(builder: Any, vector: Any, scalar: Any) -> Any:
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(one, one, mask)


def _arithmetic(symbol: Any, instruction: str) -> None:
    @infer_global(symbol)
    class _Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            left, right = args
            if isinstance(left, Lanes) and isinstance(right, Lanes) and left == right:
                return signature(left, left, left)
            if isinstance(left, Lanes) and isinstance(right, types.Float):
                return signature(left, left, right)
            if isinstance(right, Lanes) and isinstance(left, types.Float):
                return signature(right, left, right)
            return None

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector, dtype = _vector(sig.return_type), sig.return_type.dtype
        sides = [
            given if isinstance(kind, Lanes) else _spread(builder, vector, context.cast(builder, given, kind, dtype))
            for kind, given in zip(sig.args, args, strict=True)
        ]
        return getattr(builder, instruction)(*sides, flags=SUM)

    lower_builtin(symbol, Lanes, Lanes)(lower)
    lower_builtin(symbol, Lanes, types.Float)(lower)
    lower_builtin(symbol, types.Float, Lanes)(lower)


for _symbol, _instruction in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    _arithmetic(_symbol, _instruction)


def _pointer(context: Any, builder: Any, kind: Any, value: Any, offset: Any, vector: Any) -> Any:
    data = context.make_array(kind)(context, builder, value).data
    return builder.bitcast(builder.gep(data, [offset]), vector.as_pointer())


@intrinsic
def load(typing_context: Any, array: Any, offset: Any, lanes: Any) -> Any:
    """Return the numbers of a flat contiguous `array` from `offset` on; `lanes` is a `width`."""
    kind = Lanes(array.dtype, len(lanes))

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector = _vector(kind)
        pointer = _pointer(context, builder, sig.args[0], args[0], args[1], vector)
        return builder.load(pointer, align=array.dtype.bitwidth // 8)

    return kind(array, types.intp, lanes), code


@intrinsic
def store(typing_context: Any, array: Any, offset: Any, value: Any) -> Any:
    """Write Lanes into a flat contiguous `array` from `offset` on."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, sig.args[0], args[0], args[1], _vector(value))
        builder.store(args[2], pointer, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), code


@intrinsic
def zeros(typing_context: Any, array: Any, lanes: Any) -> Any:
    """Return Lanes of zeros of the type of `array`."""
    kind = Lanes(array.dtype, len(lanes))

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return ir.Constant(_vector(kind), [0.0] * kind.n)

    return kind(array, lanes), code


def _total(builder: Any, value: Any) -> Any:
    vector = value.type
    suffix = "f32" if isinstance(vector.element, ir.FloatType) else "f64"
    kind = ir.FunctionType(vector.element, [vector.element, vector])
    function = builder.module.declare_intrinsic(f"llvm.vector.reduce.fadd.v{vector.count}{suffix}", (), kind)
    return builder.call(function, [ir.Constant(vector.element, -0.0), value], fastmath=("reassoc",))


@intrinsic
def total(typing_context: Any, value: Any) -> Any:
    """Return the sum of all lanes."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _total(builder, args[0])

    return value.dtype(value), code


@intrinsic
def sums(typing_context: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Return the sums of all lanes of four values as four lanes."""
    kind = Lanes(a.dtype, 4)

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        found = ir.Constant(_vector(kind), ir.Undefined)
        for k, value in enumerate(args):
            found = builder.insert_element(found, _total(builder, value), ir.Constant(ir.IntType(32), k))
        return found

    return kind(a, b, c, d), code


def _taken(builder: Any, value: Any, order: list[int]) -> Any:
    return builder.shuffle_vector(value, value, ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order))


@intrinsic
def folded(typing_context: Any, value: Any, heads: Any) -> Any:
    """Return one number a head: the sum over the components, where a row is (component, head)."""
    kind = Lanes(value.dtype, len(heads))

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        h = kind.n
        parts = [_taken(builder, args[0], list(range(k, k + h))) for k in range(0, value.n, h)]
        while len(parts) > 1:
            pairs = zip(parts[::2], parts[1::2], strict=False)
            parts = [builder.fadd(a, b, flags=SUM) for a, b in pairs] + parts[len(parts) // 2 * 2 :]
        return parts[0]

    return kind(value, heads), code


@intrinsic
def repeated(typing_context: Any, value: Any, lanes: Any) -> Any:
    """Return a row (component, head) with the number of its head at every component."""
    kind = Lanes(value.dtype, len(lanes))

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _taken(builder, args[0], [k % value.n for k in range(kind.n)])

    return kind(value, lanes), code


@intrinsic
def turned(typing_context: Any, value: Any) -> Any:
    """Return (y, z, x, w) of the four lanes (x, y, z, w)."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _taken(builder, args[0], [1, 2, 0, 3])

    return value(value), code


@intrinsic
def sigmoid(typing_context: Any, value: Any) -> Any:
    """Return 1/(1 + exp(-x)) of every lane, to the last digits of its type; the argument is held within +-80.

    exp(y) = 2^k exp(f), k the nearest integer to y/ln 2 and |f| <= ln(2)/2, exp(f) from its Taylor series. C's exp
    takes one number at a time, which would cost more than everything else an edge needs.
    """
    single = value.dtype == types.float32
    terms, bias, mantissa, bits = (7, 127, 23, 32) if single else (13, 1023, 52, 64)

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector, n = _vector(value), value.n
        whole = ir.VectorType(ir.IntType(bits), n)

        def constant(number: float) -> Any:
            return ir.Constant(vector, [number] * n)

        def called(name: str, *given: Any) -> Any:
            kind = ir.FunctionType(vector, [vector] * len(given))
            suffix = "f32" if single else "f64"
            return builder.call(builder.module.declare_intrinsic(f"llvm.{name}.v{n}{suffix}", (), kind), given)

        y = builder.fneg(args[0])
        y = called("minnum", called("maxnum", y, constant(-80.0)), constant(80.0))
        k = called("rint", builder.fmul(y, constant(1 / math.log(2))))
        high = 0.693359375  # exact in few bits, so that k * high is exact
        f = called("fma", k, constant(-high), y)
        f = called("fma", k, constant(high - math.log(2)), f)
        series = constant(1 / math.factorial(terms))
        for order in range(terms - 1, -1, -1):
            series = called("fma", series, f, constant(1 / math.factorial(order)))
        power = builder.add(builder.fptosi(k, whole), ir.Constant(whole, [bias] * n))
        power = builder.bitcast(builder.shl(power, ir.Constant(whole, [mantissa] * n)), vector)
        exponential = builder.fmul(series, power)
        return builder.fdiv(constant(1.0), builder.fadd(constant(1.0), exponential))

    return value(value), code
