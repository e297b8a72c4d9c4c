"""A network as an ONNX model of standard operators: written by torch.onnx, run by onnxruntime on the CPU.

Both libraries belong to the extra `cipa[onnx]` and are imported where they are used.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.export import ExportedProgram

from cipa.errors import DataError, UsageError
from cipa.models.checkpoints.torch_file import require_content
from cipa.models.config import NetworkConfig
from cipa.models.exported.metadata import AGAIN, KEY, read_metadata, write_metadata
from cipa.models.exported.network import ExportedNetwork
from cipa.models.exported.program import SCAN
from cipa.readers import read_or_refuse

OPSET = 18
"""The exporter's own; every onnxruntime since 1.14 reads it."""

INSTALL = "install it (pip install 'cipa[onnx]')"


def write_onnx(program: ExportedProgram, config: NetworkConfig, path: Path) -> None:
    """Write a program and the network's configuration to one ONNX file.

    Args:
        program: of `cipa.models.exported.program.trace`.
        config: the network's configuration.
        path: the file.

    Raises:
        UsageError: onnx or onnxscript is not installed.
        OSError: it cannot be written.
    """
    onnx, onnxscript = require_module("onnx"), require_module("onnxscript")
    from onnx import inliner

    from cipa.models.exported.onnx_scan import DOMAIN, ScanShape, scan_function, scan_schema

    functions = onnxscript.values.Opset(DOMAIN, 1)
    shapes: set[ScanShape] = set()

    def call_scan(x: Any, projection: Any, *rest: Any) -> tuple[Any, Any]:
        """Call the function of a scan's shape, and note that it is needed; nothing reads the states."""
        dt_weight, dt_bias, A_logs, Ds, directions, _save, _backend = rest
        _, height, width, channels = x.shape
        shape = ScanShape(height, width, channels, dt_weight.shape[2], A_logs.shape[2], tuple(directions))
        shapes.add(shape)
        op = onnxscript.values.Op(functions, shape.name, scan_schema(shape))
        y = op(x, projection, dt_weight, dt_bias, A_logs, Ds)
        return y, onnxscript.opset18.Identity(y)

    with _quiet():
        exported = torch.onnx.export(
            program,
            dynamo=True,
            input_names=["ct", "pet"],
            output_names=["logits"],
            opset_version=OPSET,
            custom_translation_table={SCAN: call_scan},
            verbose=False,
        )
    assert exported is not None  # None is returned where dynamo is False
    model = exported.model_proto
    model.functions.extend(scan_function(shape) for shape in sorted(shapes))
    model = inliner.inline_local_functions(model)
    standard = [used for used in model.opset_import if used.domain != DOMAIN]
    del model.opset_import[:]
    model.opset_import.extend(standard)
    onnx.helper.set_model_props(model, {KEY: write_metadata(config)})
    for node in model.graph.node:
        node.ClearField("metadata_props")  # where in Python each came from, paths of this machine included
        node.ClearField("doc_string")
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


class OnnxNetwork(ExportedNetwork):
    """The network of an ONNX file that this project exported, on the CPU."""

    _session: Any

    def __init__(self, path: Path) -> None:
        """Read a file.

        Raises:
            DataError: missing, damaged, of another tool, or its inputs are not what its metadata says.
            UsageError: onnxruntime is not installed.
        """
        require_content(path)
        runtime = require_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        session: Any = read_or_refuse(
            path,
            "an ONNX model",
            AGAIN,
            # Without a fallback: of a damaged file the library would print about it and try a second time.
            lambda: runtime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"], enable_fallback=False
            ),
        )
        metadata = session.get_modelmeta().custom_metadata_map
        super().__init__(path, read_metadata(metadata.get(KEY), path))
        self._session = session
        self._check_inputs()

    def run(self, ct: Tensor, pet: Tensor) -> Tensor:
        """Return the logits of a pair, see `ExportedNetwork.forward`."""
        pair = {"ct": ct.numpy(force=True), "pet": pet.numpy(force=True)}
        (logits,) = self._session.run(["logits"], pair)
        return torch.from_numpy(np.asarray(logits))

    def to(self, *arguments: Any, **options: Any) -> "OnnxNetwork":
        """Stay on the CPU.

        Raises:
            UsageError: another device is asked for.
        """
        device, *_ = torch._C._nn._parse_to(*arguments, **options)
        if device is not None and device.type != "cpu":
            raise UsageError(
                f"device {device}: {self.path.name} is ONNX, which runs on the CPU; give --device cpu, or "
                "weights that PyTorch runs"
            )
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Be read again from the file: a session cannot be pickled."""
        return OnnxNetwork, (self.path,)

    def _check_inputs(self) -> None:
        config, expected = self.config, {"ct", "pet"}
        sides = [config.slices, config.image_size, config.image_size]
        found = {one.name: list(one.shape[1:]) for one in self._session.get_inputs()}
        if set(found) != expected or any(shape != sides for shape in found.values()):
            raise DataError(
                f"{self.path}: takes {found}, where its {KEY} says {config.slices} x {config.image_size} x "
                f"{config.image_size} of ct and pet; {AGAIN}"
            )


def require_module(name: str) -> Any:
    """Import a library of the extra `onnx`.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(f"{name} is not installed, which ONNX needs; {INSTALL}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what torch.onnx and its libraries say of their own inner workings."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
