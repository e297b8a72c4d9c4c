"""Sixteen float32 lanes as a value in Numba code.

Numba leaves vectorisation to LLVM's loop vectoriser, which gives up on the scan: the state is carried from
one position to the next, and `math.exp` is a call. Here a vector of sixteen lanes is a Numba type of its own,
an LLVM `<16 x float>`, so that one lane is one channel and the code below says which instructions run. LLVM
lowers it to whatever the processor has: one AVX-512 register, two of AVX2, four of SSE or NEON.

`+ - * /` work on two vectors or a vector and a float32; nothing is reassociated.
"""

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, overload, register_model

LANES = 16

_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_INTEGERS = ir.VectorType(ir.IntType(32), LANES)


class Float32x16(types.Type):
    """Numba's type of sixteen float32 lanes."""

    def __init__(self) -> None:
        super().__init__(name="float32x16")


float32x16 = Float32x16()


@register_model(Float32x16)
class _Float32x16Model(models.PrimitiveModel):
    def __init__(self, manager: Any, frontend_type: Any) -> None:
        super().__init__(manager, frontend_type, _VECTOR)


def _address(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return cgutils.gep_inbounds(builder, data, index)


@intrinsic
def load(typingctx, array, index) -> Any:
    """Read lanes array[index : index + 16] of a contiguous one-dimensional float32 array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        """Emit the LLVM instructions."""
        pointer = _address(context, builder, signature.args[0], *arguments)
        return builder.load(builder.bitcast(pointer, _VECTOR.as_pointer()), align=4)

    return float32x16(array, types.intp), generate


@intrinsic
def store(typingctx, array, index, value) -> Any:
    """Write the lanes to array[index : index + 16] of a contiguous one-dimensional float32 array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        """Emit the LLVM instructions."""
        pointer = _address(context, builder, signature.args[0], *arguments[:2])
        builder.store(arguments[2], builder.bitcast(pointer, _VECTOR.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, float32x16), generate


@intrinsic
def splat(typingctx, scalar) -> Any:
    """Put one float32 in every lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        """Emit the LLVM instructions."""
        return _broadcast(builder, arguments[0])

    return float32x16(types.float32), generate


def _broadcast(builder: Any, scalar: Any) -> Any:
    single = builder.insert_element(
        ir.Constant(_VECTOR, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0)
    )
    return builder.shuffle_vector(
        single, ir.Constant(_VECTOR, ir.Undefined), ir.Constant(_INTEGERS, [0] * LANES)
    )


def _binary(instruction: str) -> Any:
    @intrinsic
    def operation(typingctx, left, right) -> Any:
        """Apply the instruction lane by lane."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            """Emit the LLVM instructions."""
            return getattr(builder, instruction)(*arguments)

        return float32x16(float32x16, float32x16), generate

    return operation


_add, _sub, _mul, _div = (_binary(name) for name in ("fadd", "fsub", "fmul", "fdiv"))


def _overload_operator(symbol: Any, vectors: Any) -> None:
    @overload(symbol)
    def operate(left, right) -> Any:
        """Choose the implementation for two vectors or a vector and a number."""
        if left is float32x16 and right is float32x16:
            return lambda left, right: vectors(left, right)
        if left is float32x16 and isinstance(right, types.Float):
            return lambda left, right: vectors(left, splat(np.float32(right)))
        if right is float32x16 and isinstance(left, types.Float):
            return lambda left, right: vectors(splat(np.float32(left)), right)
        return None


for _symbol, _vectors in (
    (operator.add, _add),
    (operator.sub, _sub),
    (operator.mul, _mul),
    (operator.truediv, _div),
):
    _overload_operator(_symbol, _vectors)


@intrinsic
def fma(typingctx, factor, other, summand) -> Any:
    """Factor * other + summand, fused where the processor can (llvm.fmuladd: never a slow library call)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        """Emit the LLVM instructions."""
        function = builder.module.declare_intrinsic(
            "llvm.fmuladd.v16f32", (), ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        )
        return builder.call(function, arguments)

    return float32x16(float32x16, float32x16, float32x16), generate


@intrinsic
def maximum(typingctx, left, right) -> Any:
    """The larger of two vectors, lane by lane; the left lane where the comparison is false or a NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        """Emit the LLVM instructions."""
        right_wins = builder.fcmp_ordered("<", *arguments)
        return builder.select(right_wins, arguments[1], arguments[0])

    return float32x16(float32x16, float32x16), generate


@intrinsic
def times_power_of_two(typingctx, factor, shifted) -> Any:
    """Factor * 2**i for lanes of the second that hold 1.5 * 2**23 + i: i sits in their low mantissa bits.

    i is added to the factor's exponent, which leaves the multipliers to the scan. The product must be a
    normal number.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        """Emit the LLVM instructions."""
        bits, power = (builder.bitcast(one, _INTEGERS) for one in arguments)
        exponent = builder.shl(power, ir.Constant(_INTEGERS, [23] * LANES))
        return builder.bitcast(builder.add(bits, exponent), _VECTOR)

    return float32x16(float32x16, float32x16), generate


def _halve(builder: Any, left: Any, right: Any, lanes: int) -> Any:
    """Add the halves of each group of `lanes` lanes, of two vectors at once: left's sums, then right's."""
    first, second = [], []
    for group in range(0, LANES, lanes):
        for vector in (0, LANES):
            first += range(vector + group, vector + group + lanes // 2)
            second += range(vector + group + lanes // 2, vector + group + lanes)
    pick = [builder.shuffle_vector(left, right, ir.Constant(_INTEGERS, part)) for part in (first, second)]
    return builder.fadd(*pick)


@intrinsic
def totals(typingctx, array, index) -> Any:
    """Sixteen sums at once: lane i is the sum of array[index + 16 i : index + 16 i + 16].

    A tree of 15 additions and 30 shuffles: one vector at a time would take 64 of each.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        """Emit the LLVM instructions."""
        array_value, start = arguments
        vectors = []
        for row in range(LANES):
            place = builder.add(start, ir.Constant(start.type, row * LANES))
            pointer = _address(context, builder, signature.args[0], array_value, place)
            vectors.append(builder.load(builder.bitcast(pointer, _VECTOR.as_pointer()), align=4))
        lanes = LANES
        while lanes > 1:
            half = len(vectors) // 2
            vectors = [_halve(builder, vectors[i], vectors[i + half], lanes) for i in range(half)]
            lanes //= 2
        return vectors[0]

    return float32x16(array, types.intp), generate
