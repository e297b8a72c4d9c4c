"""A small study whose PET, lesions and orientation are known, for tests of the report."""

import numpy as np

from cipa.inference.result import Prediction
from cipa.io.grid import resample
from cipa.io.orientation import axial_stack
from cipa.io.volume import Volume
from cipa.lesions.labelling import label_lesions
from cipa.lesions.measure import measure_lesions

SHAPE = (48, 40, 16)
AFFINE = np.array([[-4.0, 0, 0, 96], [0, -5.0, 0, 100], [0, 0, 6.0, -50], [0, 0, 0, 1.0]])
"""Columns to the patient's left, rows to the back, slices to the head: 192 x 200 x 96 mm."""


def predict(boxes, warnings=(), left_out=(), **facts) -> Prediction:
    """Make a prediction whose lesions are `boxes` of (column, row, slice) ranges, each hotter."""
    mask = np.zeros(SHAPE, np.uint8)
    suv = np.full(SHAPE, 0.8, np.float32)
    for number, box in enumerate(boxes):
        place = tuple(slice(*side) for side in box)
        mask[place], suv[place] = 1, 4.0 + number
    ct = Volume(np.where(suv > 1, 40, -700).astype(np.int16), AFFINE)
    pet = Volume(suv, AFFINE)
    on_ct = axial_stack(resample(pet.array, pet.affine, ct.affine, SHAPE), AFFINE)[0]
    labels, count = label_lesions(mask)
    lesions = measure_lesions(labels, np.full(count + 1, 0.9), ct.affine, pet, lambda run: on_ct[run])
    probability = mask * np.uint8(230)
    return Prediction(mask, probability, labels, ct, pet, lesions, left_out, dict(facts), list(warnings))


def scattered(count):
    """Return so many separate boxes of one voxel."""
    places = [(i, j, k) for k in range(1, 15, 2) for j in range(2, 38, 4) for i in range(2, 46, 4)]
    step = len(places) // count
    return [[(axis, axis + 1) for axis in place] for place in places[: count * step : step]]
