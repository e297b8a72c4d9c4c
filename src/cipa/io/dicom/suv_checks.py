"""Tags of a PET series that contradict each other, and so make its SUV doubtful."""

import math
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from pydicom.dataset import Dataset

from cipa.io.dicom.tags import name_of, number, private_number, text, words

DECAY_APART = 0.05
"""Part by which a decay factor may miss what times and half-life say: acquisition times are rounded, and
often those of the first frame for all."""

FACTOR_APART = 0.05
"""Part by which Philips' own SUV factor may miss the one computed."""

PHILIPS = (0x7053, "Philips PET Private Group")
"""Group and creator of Philips' private factors of values in counts."""

PHILIPS_SUV, PHILIPS_BQML = 0x00, 0x09
"""Elements (7053,1000), counts to SUV, and (7053,1009), counts to Bq/mL."""


def series_warnings(header: Dataset, has_frames: bool = False) -> tuple[str, ...]:
    """Compare Decay Correction with Corrected Image, and see whether the series is one static image.

    Args:
        header: of a slice whose Decay Correction is there.
        has_frames: the series has several time frames, of which the user chose.
    """
    correction, corrected = text(header, "DecayCorrection").upper(), words(header, "CorrectedImage")
    both = f"{name_of('DecayCorrection')} is {correction}, but {name_of('CorrectedImage')}"
    lines = []
    if correction in ("START", "ADMIN") and "DECY" not in corrected:
        lines.append(f"{both} lacks DECY; values are taken as corrected for decay")
    if correction == "NONE" and "DECY" in corrected:
        lines.append(f"{both} holds DECY; values are taken as not corrected for decay")
    kind = words(header, "SeriesType")[:1]
    if kind and kind[0] in ("DYNAMIC", "GATED") and not has_frames:
        lines.append(f"{name_of('SeriesType')} is {kind[0]}: one frame of several, whose SUV is its own")
    return tuple(lines)


def decay_warnings(
    headers: Sequence[Dataset], began: Sequence[datetime], reference: datetime, half_life: float
) -> tuple[str, ...]:
    """Hold the decay factors that the scanner applied against those from times and half-life.

    The factor of a frame corrected to a reference is the decay until it began, times that of its mean
    activity. A wrong reference shows in all slices alike, so the slice that fits best is judged.

    Args:
        headers: all slices of a series that is corrected for decay.
        began: when each frame began.
        reference: what values are corrected to.
        half_life: seconds.
    """
    found = [number(header, "DecayFactor") for header in headers]
    if any(one is None or one <= 0 for one in found):
        return ()
    elapsed = np.array([(one - reference).total_seconds() for one in began])
    length = np.array([(number(header, "ActualFrameDuration") or 0) / 1000 for header in headers])
    decays = math.log(2) * np.maximum(length, 1e-3) / half_life
    expected = 2 ** (elapsed / half_life) * decays / -np.expm1(-decays)
    apart = np.abs(np.log(np.array(found, dtype=np.float64) / expected))
    best = int(np.argmin(apart))
    if apart[best] <= DECAY_APART:
        return ()
    return (
        f"{name_of('DecayFactor')} is {found[best]:.4g}, but {expected[best]:.4g} follows from the times and "
        f"the half-life: SUV may be wrong by {math.expm1(apart[best]):.0%}",
    )


def philips_warnings(headers: Sequence[Dataset], factors: np.ndarray) -> tuple[str, ...]:
    """Hold Philips' own SUV per Bq/mL, where both private factors are there, against the factor computed."""
    own = [
        (private_number(header, *PHILIPS, PHILIPS_SUV), private_number(header, *PHILIPS, PHILIPS_BQML))
        for header in headers[:1]
    ]
    suv, activity = own[0]
    if not suv or not activity or suv <= 0 or activity <= 0:
        return ()
    theirs, ours = suv / activity, float(factors[0])
    if abs(math.log(theirs / ours)) <= FACTOR_APART:
        return ()
    return (
        f"Philips private factors (7053,1000) and (7053,1009) make {theirs:.6g} SUV per Bq/mL, the other "
        f"tags {ours:.6g}: weight, dose or times may be wrong",
    )
