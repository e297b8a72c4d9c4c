"""CT and PET as networks are shown them: which of the two, and how HU and SUV are scaled by default.

The paper prints the CT window as [-1200, -200] HU, in which a thorax would be a white silhouette; a lost sign
is likely, hence [-1200, 200] here. It does not print the SUV that became 255; 20 is this project's choice.
Both are stored with every model, because weights only fit the scale they saw.
"""

from typing import Literal, get_args

Inputs = Literal["ct+pet", "ct", "pet"]
"""What a network is given."""

BOTH: Inputs = "ct+pet"

INPUTS: tuple[Inputs, ...] = get_args(Inputs)

CT_WINDOW = (-1200.0, 200.0)
"""HU shown as grey 0 and grey 255."""

SUV_MAX = 20.0
"""Body-weight SUV shown as grey 255; SUV 0 is grey 0."""

PetScaling = Literal["linear", "arcsinh"]
"""How SUV becomes grey."""

PET_SCALINGS: tuple[PetScaling, ...] = get_args(PetScaling)
