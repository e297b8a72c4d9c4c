"""Save a network as a folder and build it from one: `config.json` and `model.safetensors`.

The interface is huggingface_hub's, so that such a folder can be pushed as a model repository of its Hub.
Loading reads folders only: nothing is downloaded at run time.
"""

from pathlib import Path
from typing import Any, Self, cast

from huggingface_hub import ModelHubMixin
from safetensors.torch import save_file
from torch import nn

from cipa.errors import DataError
from cipa.files import atomic_folder
from cipa.models.config import NetworkConfig

CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
CARD_NAME = "README.md"

CARD = """---
{{ card_data }}
---

{{ network }} for tumour segmentation in PET-CT,
saved by the Python package `cipa`. Research software, not a medical device.

    import cipa
    model = cipa.load_model("FOLDER")
    logits = model(ct, pet)  # (B, 1, size, size) each, grey / 255 * 3.2 - 1.6
"""


class PretrainedFolder(
    nn.Module, ModelHubMixin, model_card_template=CARD, library_name="cipa", license="apache-2.0"
):
    """A network, whose first argument is its configuration, saved as a folder.

    Attributes:
        config: what it is made of and was trained on.
    """

    config: NetworkConfig

    @property
    def description(self) -> str:
        """What the card of a saved model calls it."""
        raise NotImplementedError

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
        options.setdefault("model_card_kwargs", {"network": self.description})
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
            pretrained_model_name_or_path: a folder written by `save_pretrained`.
            options: the interface's (revision, cache_dir and so on), without effect on a folder.

        Returns:
            The network in eval mode on the CPU.

        Raises:
            DataError: no such folder, or what it holds is damaged.
        """
        from cipa.models.checkpoints import load_model  # it builds this very class

        folder = Path(pretrained_model_name_or_path)
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder here; a model on the Hub must be downloaded first")
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
