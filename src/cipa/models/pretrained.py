"""Save a network as a folder and build it from one: `config.json` and `model.safetensors`.

The interface is huggingface_hub's, so that such a folder is also a model repository of the Hugging Face Hub.
Folders on this machine never need the network.
"""

from pathlib import Path
from typing import Any, Self, cast

from huggingface_hub import ModelHubMixin, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors.torch import save_file
from torch import nn

from cipa.errors import DataError
from cipa.files import atomic_folder

CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
CARD_NAME = "README.md"

CARD = """---
{{ card_data }}
---

A CIPA network for lung tumour segmentation in PET-CT (Mei et al., CVPR 2025, arXiv 2503.17261), saved by the
Python package `cipa`. Research software, not a medical device.

    import cipa
    model = cipa.load_model("FOLDER")
    logits = model(ct, pet)  # (B, 1, size, size) each, grey / 255 * 3.2 - 1.6
"""


class PretrainedFolder(
    nn.Module, ModelHubMixin, model_card_template=CARD, library_name="cipa", license="apache-2.0"
):
    """A module whose first argument is a `CIPAConfig`, saved as a folder."""

    def save_pretrained(self, save_directory: str | Path, **options: Any) -> str | None:
        """Write `config.json`, `model.safetensors` and a model card; the folder is whole or absent.

        Args:
            save_directory: folder to write. One that holds an earlier model is replaced.
            options: `ModelHubMixin.save_pretrained`'s, such as push_to_hub.

        Raises:
            DataError: the folder holds something else than a saved model.
            OSError: the disk is full or the folder not writable; an earlier model is still there.
        """
        folder = Path(save_directory)
        _require_replaceable(folder)
        options.setdefault("repo_id", folder.name)
        with atomic_folder(folder) as partial:
            return super().save_pretrained(partial, **options)

    def _save_pretrained(self, save_directory: Path) -> None:
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.state_dict().items()}
        path = save_directory / WEIGHTS_NAME
        path.touch()
        mode = path.stat().st_mode
        save_file(tensors, path, metadata={"format": "pt"})
        path.chmod(mode)  # save_file leaves it readable by its owner alone; outputs follow the user's umask

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options: Any) -> Self:
        """Build the network a folder holds.

        Args:
            pretrained_model_name_or_path: a folder written by `save_pretrained`, or the name OWNER/MODEL of
                one on the Hugging Face Hub, which is downloaded.
            options: `huggingface_hub.snapshot_download`'s, such as revision or cache_dir.

        Returns:
            The network in eval mode on the CPU.

        Raises:
            DataError: neither such a folder nor such a model, or what it holds is damaged.
        """
        from cipa.models.checkpoints import load_model  # it builds this very class

        folder = Path(pretrained_model_name_or_path)
        if not folder.is_dir():
            folder = _download(str(pretrained_model_name_or_path), options)
        return cast(Self, load_model(folder))


def _require_replaceable(folder: Path) -> None:
    """Raise `DataError` if replacing `folder` would delete a file no saved model has."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file: a model is saved as a folder, choose another name")
    known = {CONFIG_NAME, WEIGHTS_NAME, CARD_NAME}
    others = (
        sorted(item.name for item in folder.iterdir() if item.name not in known) if folder.exists() else []
    )
    if others:
        raise DataError(f"{folder} holds other files ({others[0]}, ...): choose a new or an empty folder")


def _download(name: str, options: dict[str, Any]) -> Path:
    try:
        return Path(snapshot_download(name, allow_patterns=[CONFIG_NAME, WEIGHTS_NAME], **options))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise DataError(f"{name}: no such folder here, nor a model that could be downloaded") from error
