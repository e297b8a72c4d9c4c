"""Weights and inputs that any machine rebuilds from names and seeds: what the golden outputs were made with.

Every tensor is drawn from a NumPy generator seeded by the CRC-32 of its published name, from a distribution
that keeps the activations of a 512 x 512 forward pass in a healthy range.
"""

import zlib
from collections.abc import Mapping, Sequence

import numpy as np

BY_LAST_DIMENSION = ("x_proj_weight", "dt_projs_weight")
"""Weights whose fan-in is their last dimension; of all others it is everything but the first."""


def fill(name, shape):
    """Return the parity value of one tensor: float32, or int64 for BatchNorm's counter."""
    leaf = name.split(".")[-1]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    generator = np.random.default_rng([zlib.crc32(name.encode()), 0])
    normal = generator.standard_normal(shape, dtype=np.float32)
    return _distribute(leaf, normal, generator).astype(np.float32)


def _distribute(leaf, normal, generator):
    shape = normal.shape
    match leaf:
        case "A_logs":
            return np.log(np.arange(1, shape[-1] + 1, dtype=np.float32)) + 0.1 * normal
        case "dt_projs_bias":
            step = np.exp(generator.uniform(np.log(1e-3), np.log(1e-1), shape))
            return step + np.log(-np.expm1(-step))
        case "running_mean":
            return 0.1 * normal
        case "running_var":
            return generator.uniform(0.5, 1.5, shape)
        case "bias":
            return 0.05 * normal
    if leaf in ("Ds", "scale1", "scale2") or len(shape) == 1:
        return 1 + 0.1 * normal
    fan_in = shape[-1] if leaf in BY_LAST_DIMENSION else int(np.prod(shape[1:]))
    return normal / np.sqrt(fan_in)


def fill_all(shapes: Mapping[str, Sequence[int]]):
    """Return name -> array for a whole state dict."""
    return {name: fill(name, tuple(shape)) for name, shape in shapes.items()}


def make_pair(seed, size=512):
    """Return a smooth random CT and PET, (1, 1, size, size) float32 each, in [-1.6, 1.6]."""
    generator = np.random.default_rng(seed)
    return _field(generator, size), _field(generator, size)


def _field(generator, size):
    total = np.zeros((1, 1, size, size), np.float32)
    for cells in (4, 16, 64, size):
        coarse = generator.standard_normal((1, 1, cells, cells), dtype=np.float32)
        total += np.kron(coarse, np.ones((1, 1, size // cells, size // cells), np.float32))
    return np.clip(0.6 * total, -1.6, 1.6).astype(np.float32)
