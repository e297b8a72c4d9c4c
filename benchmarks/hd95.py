"""HD95 against MedPy on 512 x 512 slices: equal numbers first, then the ratio of times.

Tumours have areas like PCLT20K's (11 to 5,830 px, 59 % under 500 px). A prediction is the tumour shifted
and swollen or shrunk; every fourth has a false positive far away, which makes the box about both masks large.
Needs MedPy, which nothing else here does: pip install medpy (264 MB with the SimpleITK it brings).
"""

from importlib.util import find_spec

import numpy as np
from scipy.ndimage import gaussian_filter

from benchmarks.harness import Row, require, seconds
from cipa.evaluation.hd95 import hd95

SIZE = 512
SLICES = 60


def disc(row, column, radius):
    rows, columns = np.ogrid[:SIZE, :SIZE]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def ragged(random, area):
    """Draw a tumour of about `area` pixels with an uneven outline, somewhere in the middle of the slice."""
    row, column = random.uniform(150, 360, 2)
    radius = max(2.0, np.sqrt(area / np.pi))
    rows, columns = np.ogrid[:SIZE, :SIZE]
    edge = gaussian_filter(random.normal(size=(SIZE, SIZE)), radius / 3) * radius * 0.8
    return np.hypot(rows - row, columns - column) + edge <= radius


def pair(random, number):
    area = np.clip(np.exp(random.normal(np.log(400), 1.1)), 11, 5830)
    truth = ragged(random, area)
    prediction = np.roll(truth, random.integers(-3, 4, 2), axis=(0, 1))
    prediction = gaussian_filter(prediction.astype(float), 1.5) > random.uniform(0.2, 0.5)
    if number % 4 == 0:
        prediction |= disc(*random.uniform(20, 490, 2), 4)
    return (prediction if prediction.any() else truth.copy()), truth


def run():
    """Require the same number on every slice, then time both."""
    require(find_spec("medpy"), "MedPy is not installed: pip install medpy")
    from medpy.metric.binary import hd95 as medpy_hd95

    random = np.random.default_rng(0)
    pairs = [pair(random, number) for number in range(SLICES)]
    wrong = sum(hd95(*each) != medpy_hd95(*each) for each in pairs)
    require(not wrong, f"{wrong} of {SLICES} slices differ from MedPy")
    ours, ours_spread = seconds(lambda: [hd95(*each) for each in pairs], repeats=3)
    theirs, theirs_spread = seconds(lambda: [medpy_hd95(*each) for each in pairs], repeats=3, warm_up=0)
    case = f"{SLICES} slices of {SIZE} x {SIZE}"
    per_slice = 1000 / SLICES
    return [
        Row("HD95, here", case, per_slice * ours, "ms/slice", per_slice * ours_spread),
        Row("HD95, MedPy", case, per_slice * theirs, "ms/slice", per_slice * theirs_spread),
        Row("HD95, MedPy / here", case, theirs / ours, "ratio", 0, ">= 10"),
    ]
