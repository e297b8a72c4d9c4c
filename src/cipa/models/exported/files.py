"""Exported files by their ending: written, checked, and read again."""

import os
from pathlib import Path

from cipa.errors import UsageError
from cipa.files import atomic_file
from cipa.models.exported.network import ExportedNetwork
from cipa.models.pretrained import PretrainedFolder

TOLERANCES = {".pt2": 1e-5, ".onnx": 1e-3}
"""How far an exported file's logits may be from the network's, by the ending of its name."""

FAMILIES = ("CIPA", "Sigma")
"""What can be exported, of `cipa.models.catalogue`."""


def is_exported(path: str | os.PathLike[str]) -> bool:
    """Tell by its ending whether a path is that of an exported network."""
    return Path(path).suffix.lower() in TOLERANCES


def export_model(model: PretrainedFolder, path: str | os.PathLike[str]) -> float:
    """Write a network to a `.pt2` or an `.onnx` file, and check that the file answers as the network does.

    Args:
        model: a CIPA or Sigma network; it is left in eval mode.
        path: the file, replaced if it is there.

    Returns:
        Largest difference of a logit, relative to the largest logit where that is above 1.

    Raises:
        UsageError: another ending, a network of another family, or a library of `cipa[onnx]` is absent.
        DataError: the file's logits differ from the network's; no file is left.
        OSError: it cannot be written.
    """
    path = Path(path)
    _require_exportable(model, path)
    from cipa.models.exported.agreement import require_agreement
    from cipa.models.exported.program import trace, write_program

    suffix, config = path.suffix.lower(), model.config
    model = model.to("cpu").eval()
    program = trace(model, config)
    with atomic_file(path) as partial:
        if suffix == ".onnx":
            from cipa.models.exported.onnx_model import write_onnx

            write_onnx(program, config, partial)
        else:
            write_program(program, config, partial)
        return require_agreement(model, load_exported(partial), TOLERANCES[suffix])


def load_exported(path: str | os.PathLike[str]) -> ExportedNetwork:
    """Read a network that `export_model` or `cipa export` wrote.

    Args:
        path: a `.pt2` or `.onnx` file.

    Returns:
        A module of (ct, pet) with the network's `config`, in eval mode on the CPU.

    Raises:
        DataError: missing, damaged, of another tool, or a program that could run code.
        UsageError: another ending, or onnxruntime is not installed.
    """
    path = Path(path)
    suffix = _require_ending(path)
    if suffix == ".onnx":
        from cipa.models.exported.onnx_model import OnnxNetwork

        return OnnxNetwork(path).eval()
    from cipa.models.exported.program import ProgramNetwork

    return ProgramNetwork(path).eval()


def _require_ending(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in TOLERANCES:
        raise UsageError(f"{path}: must end in {' or '.join(TOLERANCES)}")
    return suffix


def _require_exportable(model: PretrainedFolder, path: Path) -> None:
    from cipa.models.catalogue import CATALOGUE

    suffix = _require_ending(path)
    variant = model.config.variant
    if CATALOGUE[variant].family not in FAMILIES:
        raise UsageError(
            f"{variant}: a network of {CATALOGUE[variant].family}, which is not exported; CIPA and Sigma are"
        )
    if suffix == ".onnx":
        from cipa.models.exported.onnx_model import require_module

        for name in ("onnx", "onnxscript", "onnxruntime"):
            require_module(name)
