"""What an exported network is to other modules: a module with a `config`, one image size, float32."""

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn

from cipa.errors import DataError, UsageError
from cipa.models.config import NetworkConfig
from cipa.models.pair import check_pair


class ExportedNetwork(nn.Module):
    """A network read from an exported file: it segments and cannot be trained.

    Attributes:
        path: the file.
        config: as it was exported with it.
        file_digest: SHA-256 of the file, uint8 (32,): it stands for the weights where a digest is asked for.
    """

    file_digest: Tensor

    def __init__(self, path: Path, config: NetworkConfig) -> None:
        super().__init__()
        self.path = path
        self.config = config
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        self.register_buffer("file_digest", torch.tensor(list(digest), dtype=torch.uint8))

    def forward(self, ct: Tensor, pet: Tensor) -> Tensor:
        """Segment slice pairs.

        Args:
            ct: float32, (B, slices, S, S) in [-1.6, 1.6], S the image size of the file.
            pet: like `ct`.

        Returns:
            Logits, (B, classes, S, S), float32.

        Raises:
            DataError: a shape or type other than these.
            UsageError: autocast is on.
        """
        check_pair(ct, pet, self.config.slices)
        side = self.config.image_size
        if tuple(ct.shape[2:]) != (side, side):
            raise DataError(
                f"images are {ct.shape[2]} x {ct.shape[3]}: {self.path.name} was exported for "
                f"{side} x {side}; resize them, or export the weights with --image-size {ct.shape[2]}"
            )
        if torch.is_autocast_enabled(ct.device.type):
            raise UsageError(f"{self.path.name}: exported networks compute in float32; leave --precision out")
        return self.run(ct.float(), pet.float())

    def run(self, ct: Tensor, pet: Tensor) -> Tensor:
        """Return the logits of a pair that fits; see `forward`."""
        raise NotImplementedError
