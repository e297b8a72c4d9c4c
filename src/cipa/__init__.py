"""CIPA: lung tumour segmentation in PET-CT (Mei et al., CVPR 2025), on CPU and GPU, nothing to compile.

Research software, not a medical device.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cipa.version import __version__

if TYPE_CHECKING:
    from cipa.inference.compiled import compile_model
    from cipa.inference.predictor import Predictor
    from cipa.inference.result import Prediction
    from cipa.inference.slices import SlicePredictor
    from cipa.models.checkpoints.load import load_model
    from cipa.models.cipa import CIPA
    from cipa.models.config import CIPAConfig
    from cipa.models.exported.files import export_model, load_exported
    from cipa.models.registry import create_model

_HOME = {
    "CIPA": "cipa.models.cipa",
    "CIPAConfig": "cipa.models.config",
    "Prediction": "cipa.inference.result",
    "Predictor": "cipa.inference.predictor",
    "SlicePredictor": "cipa.inference.slices",
    "compile_model": "cipa.inference.compiled",
    "create_model": "cipa.models.registry",
    "export_model": "cipa.models.exported.files",
    "load_exported": "cipa.models.exported.files",
    "load_model": "cipa.models.checkpoints.load",
}

__all__ = [
    "CIPA",
    "CIPAConfig",
    "Prediction",
    "Predictor",
    "SlicePredictor",
    "__version__",
    "compile_model",
    "create_model",
    "export_model",
    "load_exported",
    "load_model",
]


class _RegisterOps:
    """Registers the custom ops when PyTorch's reader of exported programs is imported.

    So `torch.export.load` finds the scan after `import cipa` alone, which itself must not import PyTorch.
    """

    reader = "torch.export.pt2_archive"

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Find nothing; import the ops where it is the reader that is asked for."""
        if name == self.reader and "cipa.ops" not in sys.modules:
            import_module("cipa.ops")


if _RegisterOps.reader in sys.modules:
    import_module("cipa.ops")
else:
    sys.meta_path.insert(0, _RegisterOps())


def __getattr__(name: str) -> Any:
    """Import a public name on first use: `cipa --help` and `import cipa` then cost no torch import."""
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'cipa' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, for completion in a shell."""
    return __all__
