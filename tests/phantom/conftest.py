import numpy as np
import pytest

from cipa.phantom.patient import WHOLE, PhantomPatient, draw_patient
from cipa.phantom.plane import STRAIGHT, Plane


@pytest.fixture(scope="session")
def patient() -> PhantomPatient:
    return draw_patient(seed=5, index=1, size=128, slices=(4, 8))


@pytest.fixture(scope="session")
def thorax() -> PhantomPatient:
    """The same patient with every slice."""
    return draw_patient(seed=5, index=1, size=128, slices=(4, WHOLE), healthy=1.0)


@pytest.fixture
def volume_of():
    """A function that returns the volume of a shape in mL from its patches on fine planes without warp."""

    def volume(shape, step=1.0, size=512) -> float:
        total = 0.0
        for z in np.arange(-60, 60, step):
            plane = Plane(size, float(z), STRAIGHT)
            for _, share in shape.patches(plane):
                total += float(share.sum()) * plane.pixel**2 * step
        return total / 1000

    return volume
