"""HD95 against MedPy on 512 x 512 slices: equal numbers first, then the ratio of times.

    python benchmarks/hd95.py [--slices 60] [--seed 0]

Tumours have areas like PCLT20K's (11 to 5,830 px, 59 % under 500 px). A prediction is the tumour shifted
and swollen or shrunk; every fourth has a false positive far away, which makes the box about both masks large.
Set OMP_NUM_THREADS=1 to hold NumPy to one core. Needs MedPy (the dev extra).
"""

import argparse
import sys
import time

import numpy as np
from medpy.metric.binary import hd95 as medpy_hd95
from scipy.ndimage import gaussian_filter

from cipa.evaluation.hd95 import hd95
from cipa.evaluation.published import PublishedProtocol

SIZE = 512
LEAST_RATIO = 10


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


def seconds(function, pairs):
    start = time.perf_counter()
    for each in pairs:
        function(*each)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slices", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    pairs = [pair(random, number) for number in range(arguments.slices)]
    areas = [np.count_nonzero(truth) for _, truth in pairs]
    print(f"{len(pairs)} slices of {SIZE} x {SIZE}, tumours of {min(areas)} to {max(areas)} px")

    wrong = sum(hd95(*each) != medpy_hd95(*each) for each in pairs)
    print(f"differ from MedPy: {wrong} of {len(pairs)}")
    if wrong:
        return 1

    ours = min(seconds(hd95, pairs) for _ in range(3))
    theirs = min(seconds(medpy_hd95, pairs) for _ in range(2))
    protocol = PublishedProtocol()
    whole = seconds(lambda *each: protocol.update("0001_001", *each), pairs)
    print(f"MedPy {1000 * theirs / len(pairs):.2f} ms a slice, here {1000 * ours / len(pairs):.2f} ms")
    print(f"ratio {theirs / ours:.0f} (at least {LEAST_RATIO} wanted)")
    print(f"published protocol, pixels and HD95: {1000 * whole / len(pairs):.2f} ms a slice")
    return 0 if theirs / ours >= LEAST_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
