"""Save a network as a folder and build it from one: `config.json`, `model.safetensors` and a card.

Such a folder is a model repository as Hugging Face's Hub has them: `hf upload` takes it as it is. Loading
reads folders only: nothing is downloaded at run time.
"""

from pathlib import Path
from typing import Any, Self, cast, get_type_hints

from torch import nn

from cipa.errors import DataError
from cipa.files import atomic_folder
from cipa.models.checkpoints.folder import (
    CARD_NAME,
    CONFIG_NAME,
    WEIGHTS_NAME,
    read_config,
    read_tensors,
    require_replaceable,
    write_config,
    write_tensors,
)
from cipa.models.checkpoints.match import build
from cipa.models.config import NetworkConfig

CARD = """---
library_name: cipa
license: apache-2.0
---

{network} for tumour segmentation in PET-CT,
saved by the Python package `cipa`. Research software, not a medical device.

    import cipa
    model = cipa.load_model("FOLDER")
    logits = model(ct, pet)  # (B, 1, size, size) each, grey / 255 * 3.2 - 1.6
"""


class PretrainedFolder(nn.Module):
    """A network, whose first argument is its configuration, saved as a folder.

    Attributes:
        config: what it is made of and was trained on.
    """

    config: NetworkConfig

    @property
    def description(self) -> str:
        """What the card of a saved model calls it."""
        raise NotImplementedError

    def save_pretrained(self, save_directory: str | Path) -> None:
        """Write `config.json`, `model.safetensors` and a model card; the folder is whole or absent.

        Args:
            save_directory: folder to write. One that holds an earlier model is replaced.

        Raises:
            DataError: the folder holds something else than a saved model.
            OSError: the disk is full or the folder not writable; an earlier model is still there.
        """
        folder = Path(save_directory)
        require_replaceable(folder)
        with atomic_folder(folder) as partial:
            write_config(partial, self.config)
            write_tensors(partial, self.state_dict())
            card = CARD.format(network=self.description)
            (partial / CARD_NAME).write_text(card, encoding="utf-8", newline="\n")

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path) -> Self:
        """Build the network a folder holds.

        Args:
            pretrained_model_name_or_path: a folder written by `save_pretrained`; the argument is called as
                in other libraries.

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
