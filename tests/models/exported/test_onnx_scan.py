"""The scan in ONNX operators against its reference, of every set of directions that a network has."""

import pytest
import torch

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from cipa.models.exported.onnx_scan import ARGUMENTS, DOMAIN, ScanShape, scan_function  # noqa: E402
from cipa.ops.scan.ss2d_reference import ss2d_reference  # noqa: E402


def tensors(batch, shape):
    generator = torch.Generator().manual_seed(0)
    count, columns = len(shape.directions), shape.rank + 2 * shape.states

    def draw(*sizes):
        return torch.randn(*sizes, generator=generator)

    return (
        draw(batch, shape.height, shape.width, shape.channels),
        draw(batch, shape.height, shape.width, count, columns),
        draw(count, shape.channels, shape.rank),
        draw(count, shape.channels),
        draw(count, shape.channels, shape.states),
        draw(count, shape.channels),
    )


def run(function, values):
    float_, opsets = (
        onnx.TensorProto.FLOAT,
        [onnx.helper.make_opsetid(*one) for one in (("", 18), (DOMAIN, 1))],
    )
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(function.name, ARGUMENTS, ["y"], domain=DOMAIN)],
        "graph",
        [onnx.helper.make_tensor_value_info(name, float_, value.shape) for name, value in values.items()],
        [onnx.helper.make_tensor_value_info("y", float_, [None] * 4)],
    )
    model = onnx.helper.make_model(graph, functions=[function], opset_imports=opsets, ir_version=10)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(["y"], {name: value.numpy() for name, value in values.items()})[0])


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("directions", [(0, 1, 2, 3), (0,), (0, 2), (3, 1)])
def test_it_is_the_reference_on_maps_that_are_not_square(directions, batch):
    shape = ScanShape(5, 3, 7, 2, 4, directions)
    values = tensors(batch, shape)
    found = run(scan_function(shape), dict(zip(ARGUMENTS, values, strict=True)))
    torch.testing.assert_close(found, ss2d_reference(*values, directions), rtol=1e-5, atol=1e-5)


def test_steps_too_large_for_an_exponential_reset_the_state_as_they_do_in_the_reference():
    shape = ScanShape(4, 4, 5, 1, 4, (0, 1, 2, 3))
    x, projection, weight, bias, *rest = tensors(1, shape)
    values = (x, projection, weight, bias + 1e4, *rest)
    found = run(scan_function(shape), dict(zip(ARGUMENTS, values, strict=True)))
    torch.testing.assert_close(found, ss2d_reference(*values), rtol=1e-5, atol=1e-2)
