"""A network as a PyTorch program, `.pt2`: written and read by torch.export, batch of any size.

The scan stays this project's custom op, so that the program is as fast as the network. A program read by
`torch.export.load` alone needs `import cipa` before, which registers that op.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

import cipa.ops  # noqa: F401 - registers the op that programs hold
from cipa.models.config import NetworkConfig
from cipa.models.exported.archive import check_archive
from cipa.models.exported.metadata import AGAIN, KEY, read_metadata, write_metadata
from cipa.models.exported.network import ExportedNetwork
from cipa.ops.backend import use_backend
from cipa.readers import read_or_refuse

SCAN = torch.ops.cipa.ss2d_forward.default
BACKEND = 8
"""Place of the backend among the scan's arguments."""


def trace(model: nn.Module, config: NetworkConfig) -> ExportedProgram:
    """Trace a network in eval mode on the CPU into a program of any batch.

    Args:
        model: a CIPA or Sigma network.
        config: its configuration.

    Returns:
        A program of (ct, pet), (B, slices, S, S) each, B from 1 on.
    """
    shape = (2, config.slices, config.image_size, config.image_size)
    batch = Dim("batch", min=1)
    pair = torch.zeros(shape), torch.zeros(shape)
    with torch.no_grad(), use_backend("cpu"), _quiet():
        program = torch.export.export(model, pair, dynamic_shapes=({0: batch}, {0: batch}))
    graph = program.graph
    for node in list(graph.nodes):
        node.meta.pop("stack_trace", None)  # paths of this machine
        if node.target is torch.ops.aten._assert_tensor_metadata.default:
            graph.erase_node(node)  # says of a cast's input what is known; half of the time to load a program
        elif node.target is SCAN:
            node.args = (*node.args[:BACKEND], "auto")
    program.graph_module.recompile()
    program.example_inputs = None  # images of zeros, 4 MB
    return program


def write_program(program: ExportedProgram, config: NetworkConfig, path: Path) -> None:
    """Write a program and the network's configuration to a `.pt2` file.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("wb") as file:  # given a path, torch takes folder and name for an archive's own
        torch.export.save(program, cast(Any, file), extra_files={KEY: write_metadata(config)})


class ProgramNetwork(ExportedNetwork):
    """The network of a `.pt2` file, on any device that PyTorch runs it on."""

    def __init__(self, path: Path) -> None:
        """Read a file.

        Raises:
            DataError: missing, damaged, of another tool, or a program of other operations than a network's.
        """
        check_archive(path)
        extra = {KEY: ""}

        def read() -> ExportedProgram:
            """Read it; what PyTorch raises for damage is of many kinds."""
            with path.open("rb") as file, _quiet():
                return torch.export.load(cast(Any, file), extra_files=cast(Any, extra))

        program = read_or_refuse(path, "a program of this version of PyTorch", AGAIN, read)
        super().__init__(path, read_metadata(extra[KEY], path))
        self.program = program.module()

    def run(self, ct: Tensor, pet: Tensor) -> Tensor:
        """Return the logits of a pair, see `ExportedNetwork.forward`."""
        return self.program(ct, pet)

    def train(self, mode: bool = True) -> "ProgramNetwork":
        """Stay in eval mode: a program holds no other."""
        self.training = False
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Be read again from the file: a program cannot be pickled."""
        return ProgramNetwork, (self.path,)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence torch.export's log lines: they speak of its own inner workings."""
    logger = logging.getLogger("torch.export")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
