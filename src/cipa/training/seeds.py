"""Seeds for every random draw of a run, derived from one seed and the purpose of the draw.

A draw depends on (seed, purpose, where in the run) and on nothing that happened before it, so that a resumed
run needs no generator's state and the number of processes changes neither order nor draws.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """Separates draws for different purposes that share all other numbers."""

    INITIAL_WEIGHTS = 0
    ORDER = 1
    DROP_PATH = 2
    LESION_FREE = 3


def derive(seed: int, purpose: Purpose, *place: int) -> int:
    """Mix `seed`, `purpose` and `place` (epoch, step, rank, ...) into a seed in [0, 2^63).

    NumPy's SeedSequence does the mixing, so that neighbouring places give unrelated streams.
    """
    mixed = np.random.SeedSequence([seed, int(purpose), *place]).generate_state(1, np.uint64)
    return int(mixed[0] >> np.uint64(1))
