"""Save a network as a folder and build it from one: `config.json` and `model.safetensors`.

The interface is huggingface_hub's, so that such a folder can be pushed as a model repository of its Hub.
Loading reads folders only: nothing is downloaded at run time.
"""

from pathlib import Path
from typing import Any, Self, cast, get_type_hints

from huggingface_hub import ModelHubMixin
from torch import nn

from cipa.errors import DataError
from cipa.files import atomic_folder
from cipa.models.checkpoints.folder import (
    CONFIG_NAME,
    WEIGHTS_NAME,
    read_config,
    read_tensors,
    require_replaceable,
    write_tensors,
)
from cipa.models.checkpoints.match import build
from cipa.models.config import NetworkConfig

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
        require_replaceable(folder)
        options.setdefault("repo_id", folder.name)
        options.setdefault("model_card_kwargs", {"network": self.description})
        with atomic_folder(folder) as partial:
            return super().save_pretrained(partial, **options)

    def _save_pretrained(self, save_directory: Path) -> None:
        write_tensors(save_directory, self.state_dict())

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options: Any) -> Self:
        """Build the network a folder holds.

        Args:
            pretrained_model_name_or_path: a folder written by `save_pretrained`.
            options: the interface's (revision, cache_dir and so on), without effect on a folder.

        Returns:
            The network in eval mode on the CPU.

        Raises:
            DataError: no such folder, what it holds is damaged, or a network of another class.
        """
        folder = Path(pretrained_model_name_or_path)
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder here; a model on the Hub must be downloaded first")
        config = read_config(folder / CONFIG_NAME)
        if not isinstance(config, get_type_hints(cls)["config"]):
            raise DataError(
                f"{folder}: holds {config.variant}, which is no {cls.__name__}; cipa.load_model reads it"
            )
        make: Any = cls
        return cast(Self, build(lambda: make(config), read_tensors(folder / WEIGHTS_NAME), folder, named=str))
