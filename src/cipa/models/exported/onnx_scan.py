"""SS2D's scan in standard ONNX operators: `scan_function`.

The recurrence is ONNX's Scan, one step a position, all images, directions, channels and states at once. Its
six operators work on a state that stays in the processor's cache. Blocks of 4 to 16 positions a step were
measured too and take 1.1 to 1.4 times as long: their exponentials leave the cache.

Letters: B batch, H x W grid, L = H W positions, D inner width, K directions, R rank of the dt projection, N
states a channel.
"""

from typing import Any, NamedTuple

import numpy as np
from onnx import FunctionProto, GraphProto, TensorProto, defs, helper, numpy_helper

DOMAIN = "cipa.scan"
"""Of the functions until they are inlined: no node of a finished file belongs to it."""

ARGUMENTS = ("x", "projection", "dt_weight", "dt_bias", "A_logs", "Ds")
"""Tensors of `cipa.ops.ss2d`, in its order."""

SLICED = ("delta", "delta_u", "b", "c")
"""What a step of the scan reads, by name."""


class ScanShape(NamedTuple):
    """What a graph of the scan is built for; batch and K's tensors are the values' own.

    Attributes:
        height: H.
        width: W.
        channels: D.
        rank: R.
        states: N.
        directions: K codes, see `cipa.ops.ss2d`.
    """

    height: int
    width: int
    channels: int
    rank: int
    states: int
    directions: tuple[int, ...]

    @property
    def name(self) -> str:
        """Name of the function, one a shape."""
        return "scan_" + "_".join(map(str, (*self[:5], *self.directions)))


class _Nodes:
    """Nodes being collected; each call of `add` returns the name of what a node makes."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self._constants: dict[tuple[int, ...], str] = {}

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of one output."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def ints(self, *values: int) -> str:
        """Return a constant, (len(values),) int64."""
        if values not in self._constants:
            array = numpy_helper.from_array(np.array(values, np.int64))
            self._constants[values] = self.add("Constant", value=array)
        return self._constants[values]

    def part(self, x: str, axis: int, first: int, last: int) -> str:
        """Return x from first to before last along an axis."""
        return self.add("Slice", x, self.ints(first), self.ints(last), self.ints(axis))

    def pick(self, x: str, axis: int, index: int) -> str:
        """Return x at one index of an axis, which goes."""
        return self.add("Squeeze", self.part(x, axis, index, index + 1), self.ints(axis))


def scan_function(shape: ScanShape) -> FunctionProto:
    """Build `cipa.ops.ss2d` for one shape as a function of standard operators (opset 18).

    Args:
        shape: sizes and directions.

    Returns:
        A function of `ARGUMENTS`, whose value is (B, H, W, D).
    """
    graph = _Nodes()
    columns = [_inputs_of(graph, shape, k) for k in range(len(shape.directions))]
    sequences = [graph.add("Concat", *parts, axis=2) for parts in zip(*columns, strict=True)]
    decay = graph.add("Neg", graph.add("Exp", graph.add("Transpose", "A_logs", perm=[0, 2, 1])))  # (K, N, D)
    sizes = graph.ints(len(shape.directions), shape.states, shape.channels)
    sizes = graph.add("Concat", graph.add("Shape", "x", start=0, end=1), sizes, axis=0)
    start = graph.add("ConstantOfShape", sizes)  # zeros (B, K, N, D)
    graph.nodes.append(
        helper.make_node(
            "Scan", [start, *sequences], ["last", "scanned"], body=_step(decay), num_scan_inputs=len(SLICED)
        )
    )
    total = graph.add("Mul", "x", graph.add("ReduceSum", "Ds", graph.ints(0), keepdims=0))
    for k, direction in enumerate(shape.directions):
        y = graph.add("Squeeze", graph.part("scanned", 2, k, k + 1), graph.ints(2, 3))  # (L, B, D)
        total = graph.add("Add", total, _to_map(graph, y, direction, shape))
    graph.nodes.append(helper.make_node("Identity", [total], ["y"]))
    return helper.make_function(
        DOMAIN, shape.name, list(ARGUMENTS), ["y"], graph.nodes, [helper.make_opsetid("", 18)]
    )


def scan_schema(shape: ScanShape) -> defs.OpSchema:
    """Return the signature of `scan_function`, which the exporter asks for where it is called."""
    tensor = defs.OpSchema.FormalParameter
    return defs.OpSchema(
        shape.name,
        DOMAIN,
        1,
        inputs=[tensor(name, "T") for name in ARGUMENTS],
        outputs=[tensor("y", "T")],
        type_constraints=[("T", ["tensor(float)"], "")],
    )


def _inputs_of(graph: _Nodes, shape: ScanShape, k: int) -> tuple[str, str, str, str]:
    """Return `SLICED` of one direction: (L, B, 1, 1, D) twice, (L, B, 1, N, 1), (L, B, 1, 1, N)."""
    direction, rank, states = shape.directions[k], shape.rank, shape.states
    u = _to_sequence(graph, "x", direction, shape, shape.channels)
    row = _to_sequence(graph, graph.pick("projection", 3, k), direction, shape, rank + 2 * states)
    weight = graph.add("Transpose", graph.pick("dt_weight", 0, k), perm=[1, 0])
    step = graph.add("MatMul", graph.part(row, 2, 0, rank), weight)
    delta = graph.add("Softplus", graph.add("Add", step, graph.pick("dt_bias", 0, k)))
    b, c = (graph.part(row, 2, rank + first, rank + first + states) for first in (0, states))
    one_row, one_column = graph.ints(2, 3), graph.ints(2, 4)
    return (
        graph.add("Unsqueeze", delta, one_row),
        graph.add("Unsqueeze", graph.add("Mul", delta, u), one_row),
        graph.add("Unsqueeze", b, one_column),
        graph.add("Unsqueeze", c, one_row),
    )


def _step(decay: str) -> GraphProto:
    """Return one step, of one position: the state (B, K, N, D) in, the state and y (B, K, 1, D) out."""
    nodes = [
        helper.make_node("Mul", ["delta", decay], ["exponent"]),
        helper.make_node("Exp", ["exponent"], ["factor"]),
        helper.make_node("Mul", ["factor", "state"], ["kept"]),
        helper.make_node("Mul", ["delta_u", "b"], ["entering"]),
        helper.make_node("Add", ["kept", "entering"], ["following"]),
        helper.make_node("MatMul", ["c", "following"], ["read"]),
    ]
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in names]
        for names in (("state", *SLICED), ("following", "read"))
    )
    return helper.make_graph(nodes, "position", inputs, outputs)


def _to_sequence(graph: _Nodes, x: str, direction: int, shape: ScanShape, channels: int) -> str:
    """Put a map (B, H, W, C) in scan order, positions first: (L, B, C)."""
    order = [2, 1, 0, 3] if direction % 2 else [1, 2, 0, 3]
    sizes = graph.ints(shape.height * shape.width, -1, channels)
    flat = graph.add("Reshape", graph.add("Transpose", x, perm=order), sizes)
    return _reverse(graph, flat) if direction >= 2 else flat


def _to_map(graph: _Nodes, y: str, direction: int, shape: ScanShape) -> str:
    """Undo `_to_sequence`: (L, B, D) -> (B, H, W, D)."""
    flat = _reverse(graph, y) if direction >= 2 else y
    height, width, channels = shape[:3]
    if direction % 2:
        by_column = graph.add("Reshape", flat, graph.ints(width, height, -1, channels))
        return graph.add("Transpose", by_column, perm=[2, 1, 0, 3])
    by_row = graph.add("Reshape", flat, graph.ints(height, width, -1, channels))
    return graph.add("Transpose", by_row, perm=[2, 0, 1, 3])


def _reverse(graph: _Nodes, x: str) -> str:
    """Turn the first axis round."""
    return graph.add("Slice", x, graph.ints(-1), graph.ints(-(2**63) + 1), graph.ints(0), graph.ints(-1))
