"""The patient protocol on a test set of PCLT20K's size: right on a known case first, then the time of all.

122 patients of 37 slices of 512 x 512 pixels, 4,514 in all, one to three tumours each; a prediction is the
tumours shifted and swollen or shrunk. The second set has speckle over every slice, as a network at its first
steps predicts it: thousands of lesions a patient, the worst there is.
"""

import numpy as np

from benchmarks.harness import Row, require, seconds
from cipa.evaluation.patient import PatientProtocol

SIZE = 512
PATIENTS = 122
SLICES = 37
SPACING = (3.0, 0.977, 0.977)
DIFFERENT = 6
"""Patients drawn; the others repeat them, which no score can profit from."""


def balls(centres, radii):
    z, y, x = np.ogrid[:SLICES, :SIZE, :SIZE]
    mask = np.zeros((SLICES, SIZE, SIZE), bool)
    for (plane, row, column), radius in zip(centres, radii, strict=True):
        mask |= ((z - plane) * 3) ** 2 + (y - row) ** 2 + (x - column) ** 2 <= radius**2
    return mask


def patient(random, speckle):
    count = random.integers(1, 4)
    centres = np.column_stack([random.uniform(0, SLICES, count), random.uniform(120, 390, (count, 2))])
    radii = random.uniform(8, 40, count)
    moved = centres + random.normal(size=centres.shape) * 3
    prediction = balls(moved, radii + random.normal(size=count) * 3)
    prediction |= random.random(prediction.shape) < speckle
    return prediction, balls(centres, radii)


def score(pairs):
    names = [f"{number:04d}" for number in range(PATIENTS)]
    protocol = PatientProtocol(dict.fromkeys(names, SPACING))
    for number, name in enumerate(names):
        for place, slices in enumerate(zip(*pairs[number % len(pairs)], strict=True)):
            protocol.update(f"{name}_{place:03d}", *slices)
    result = protocol.result()
    return result, result.spreads


def run():
    """Require the scores of a shift known by hand, then time both sets."""
    ball = balls([(18, 250, 250)], [30])
    result, spreads = score([(np.roll(ball, 3, axis=2), ball)])
    expected = 2 * np.count_nonzero(np.roll(ball, 3, axis=2) & ball) / (2 * np.count_nonzero(ball))
    require(abs(spreads["dice"].mean.value - expected) < 1e-12, "Dice of a shifted ball is wrong")
    require(0 < result.patients[0]["hd95_mm"] <= 3 * SPACING[2] + 1e-9, "HD95 of a shifted ball is wrong")
    rows = []
    for name, speckle in (("tumours", 0.0), ("speckle", 0.002)):
        random = np.random.default_rng(0)
        pairs = [patient(random, speckle) for _ in range(DIFFERENT)]
        time, spread = seconds(lambda pairs=pairs: score(pairs), repeats=1, warm_up=0)
        case = f"{PATIENTS * SLICES:,} slices of {PATIENTS} patients, {name}"
        rows.append(Row("patient protocol", case, time, "s", spread, "< 120"))
    return rows
