"""Vectors of eight float32 numbers inside numba kernels.

The compiler turns plain loops into vector instructions only where it can prove that it may, and how well it does
changes with small changes of the code. Kernels that everything else waits for state their vectors instead: a `Vector`
holds `LANES` float32 values, knows ``+ - *`` and lives in registers. A product that is added becomes one fused
instruction.

Only for kernels: these functions work inside code compiled with `volio.jit.jit`. Values are loaded and stored by their
flat index in a C-contiguous float32 array; nothing checks that the lanes lie inside it.
"""

import operator
from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.extending import intrinsic, models, register_model
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature

__all__ = [
    "LANES",
    "at_least",
    "at_most",
    "bits",
    "clear",
    "first_bit",
    "floor",
    "highest",
    "is_number",
    "lane",
    "lane_numbers",
    "load",
    "pointer",
    "root",
    "select",
    "splat",
    "store",
    "total",
]

LANES: Final = 8

_FLOATS: Final = ir.VectorType(ir.FloatType(), LANES)
_BOOLS: Final = ir.VectorType(ir.IntType(1), LANES)
_INT: Final = ir.IntType(32)


class _Vector(types.Type):  # type: ignore[misc]
    """`LANES` float32 values."""


class _Mask(types.Type):  # type: ignore[misc]
    """`LANES` truth values."""


_POINTER: Final = types.CPointer(types.float32)
VECTOR: Final = _Vector("float32x8")
MASK: Final = _Mask("bool8")


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _FLOATS)


@register_model(_Mask)
class _MaskModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _BOOLS)


def _define(symbol: Any, kind: Any, result: Any, build: Callable[..., Any]) -> None:
    """Give two values of a kind a binary operator."""

    @infer_global(symbol)
    class _Template(ConcreteTemplate):  # type: ignore[misc]
        cases = [signature(result, kind, kind)]  # noqa: RUF012
        metadata = {"target": "cpu"}  # noqa: RUF012  # tried before what numba has for all targets: faster to compile

    @lower_builtin(symbol, kind, kind)
    def _lower(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return build(builder, *args)


_define(operator.add, VECTOR, VECTOR, lambda builder, a, b: builder.fadd(a, b))
_define(operator.sub, VECTOR, VECTOR, lambda builder, a, b: builder.fsub(a, b))
_define(operator.mul, VECTOR, VECTOR, lambda builder, a, b: builder.fmul(a, b))
_define(operator.lt, VECTOR, MASK, lambda builder, a, b: builder.fcmp_ordered("<", a, b))
_define(operator.eq, VECTOR, MASK, lambda builder, a, b: builder.fcmp_ordered("==", a, b))
_define(operator.or_, MASK, MASK, lambda builder, a, b: builder.or_(a, b))
_define(operator.and_, MASK, MASK, lambda builder, a, b: builder.and_(a, b))


def _address(builder: Any, pointer: Any, index: Any) -> Any:
    return builder.bitcast(builder.gep(pointer, [index]), _FLOATS.as_pointer())


def _spread(builder: Any, value: Any) -> Any:
    first = builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), value, ir.Constant(_INT, 0))
    zeros = ir.Constant(ir.VectorType(_INT, LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(_FLOATS, ir.Undefined), zeros)


@intrinsic
def pointer(typing: Any, array: Any) -> Any:
    """Return where the values of a C-contiguous float32 array begin; the array must outlive it."""
    if not (isinstance(array, types.Array) and array.dtype == types.float32 and array.layout == "C"):
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.make_array(sig.args[0])(context, builder, args[0]).data

    return _POINTER(array), code


@intrinsic
def clear(typing: Any, array: Any) -> Any:
    """Fill a C-contiguous array of numbers with zeros."""
    if not (isinstance(array, types.Array) and array.layout == "C"):
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        values = context.make_array(sig.args[0])(context, builder, args[0])
        cgutils.memset(builder, values.data, builder.mul(values.nitems, values.itemsize), 0)
        return context.get_dummy_value()

    return types.void(array), code


@intrinsic
def load(typing: Any, start: Any, index: Any) -> Any:
    """Return the `LANES` values from an index on, counted from a pointer."""
    if start != _POINTER or not isinstance(index, types.Integer):
        return None

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return builder.load(_address(builder, args[0], args[1]), align=4)

    return VECTOR(start, index), code


@intrinsic
def store(typing: Any, start: Any, index: Any, value: Any) -> Any:
    """Write a vector from an index on, counted from a pointer."""
    if start != _POINTER or not isinstance(index, types.Integer) or value != VECTOR:
        return None

    def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        builder.store(args[2], _address(builder, args[0], args[1]), align=4)
        return context.get_dummy_value()

    return types.void(start, index, value), code


@intrinsic
def splat(typing: Any, value: Any) -> Any:
    """Return a vector with the same number in each lane."""
    if not isinstance(value, (types.Float, types.Integer)):
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _spread(builder, context.cast(builder, args[0], sig.args[0], types.float32))

    return VECTOR(value), code


@intrinsic
def lane_numbers(typing: Any) -> Any:
    """Return 0, 1, 2, ... LANES - 1."""

    def code(_context: Any, _builder: Any, _sig: Any, _args: Any) -> Any:
        return ir.Constant(_FLOATS, [float(i) for i in range(LANES)])

    return VECTOR(), code


def _call(name: str) -> Callable[..., Any]:
    """Return what calls an instruction of LLVM for each lane."""

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(_FLOATS, [_FLOATS])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f32"), args)

    return code


@intrinsic
def floor(typing: Any, value: Any) -> Any:
    """Round each lane down."""
    return (VECTOR(value), _call("floor")) if value == VECTOR else None


@intrinsic
def root(typing: Any, value: Any) -> Any:
    """Return the square root of each lane, rounded correctly."""
    return (VECTOR(value), _call("sqrt")) if value == VECTOR else None


@intrinsic
def lane(typing: Any, value: Any, number: Any) -> Any:
    """Return one lane."""
    if value != VECTOR or not isinstance(number, types.Integer):
        return None

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return builder.extract_element(args[0], builder.trunc(args[1], _INT) if args[1].type.width > 32 else args[1])

    return types.float32(value, number), code


@intrinsic
def is_number(typing: Any, value: Any) -> Any:
    """Tell which lanes are not NaN."""
    if value != VECTOR:
        return None

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return builder.fcmp_ordered("ord", args[0], args[0])

    return MASK(value), code


def _choose(sign: str) -> Callable[..., Any]:
    """Return what chooses between two lanes by how they compare."""

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(sign, *args), *args)

    return code


@intrinsic
def at_least(typing: Any, one: Any, other: Any) -> Any:
    """Take the larger of two lanes; NaN in the first becomes the second."""
    return (VECTOR(one, other), _choose(">")) if one == other == VECTOR else None


@intrinsic
def at_most(typing: Any, one: Any, other: Any) -> Any:
    """Take the smaller of two lanes; NaN in the first becomes the second."""
    return (VECTOR(one, other), _choose("<")) if one == other == VECTOR else None


@intrinsic
def bits(typing: Any, mask: Any) -> Any:
    """Return the truth values as a number: 1 for the first lane, 2 for the second, 4 for the third, and so on."""
    if mask != MASK:
        return None

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return builder.zext(builder.bitcast(args[0], ir.IntType(LANES)), ir.IntType(64))

    return types.int64(mask), code


@intrinsic
def first_bit(typing: Any, number: Any) -> Any:
    """Return the place of the lowest bit that is set in a number that is not 0."""
    if number != types.int64:
        return None

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(number), code


@intrinsic
def select(typing: Any, mask: Any, yes: Any, no: Any) -> Any:
    """Take each lane from `yes` where the mask is true, else from `no`."""
    if (mask, yes, no) != (MASK, VECTOR, VECTOR):
        return None

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return builder.select(*args)

    return VECTOR(mask, yes, no), code


def _join(builder: Any, part: Any, join: Callable[..., Any]) -> Any:
    """Join the lanes to one number: the lower half with the upper one, again and again."""
    width = LANES
    while width > 1:
        width //= 2
        vector = ir.VectorType(_INT, width)
        low = ir.Constant(vector, list(range(width)))
        high = ir.Constant(vector, list(range(width, 2 * width)))
        part = join(builder.shuffle_vector(part, part, low), builder.shuffle_vector(part, part, high))
    return builder.extract_element(part, ir.Constant(_INT, 0))


@intrinsic
def highest(typing: Any, value: Any) -> Any:
    """Return the largest lane."""
    if value != VECTOR:
        return None

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return _join(builder, args[0], lambda a, b: builder.select(builder.fcmp_ordered("<", a, b), b, a))

    return types.float32(value), code


@intrinsic
def total(typing: Any, value: Any) -> Any:
    """Add up the lanes, in a fixed order, to a float32."""
    if value != VECTOR:
        return None

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return _join(builder, args[0], builder.fadd)

    return types.float32(value), code
