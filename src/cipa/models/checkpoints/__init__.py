"""Weights from files: the published checkpoints, VMamba's ImageNet encoders, and our own folders."""

from cipa.models.checkpoints.load import load_model
from cipa.models.checkpoints.published import init_encoder

__all__ = ["init_encoder", "load_model"]
