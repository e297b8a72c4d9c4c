"""How each score is named and shown: percent for shares, mm and mL for the rest."""

import math
from dataclasses import dataclass
from typing import Literal

from cipa.evaluation.statistics import Interval


@dataclass(frozen=True)
class Quantity:
    """A score as a reader sees it.

    Attributes:
        label: its name with its unit.
        better: which way is better; for errors with a sign, the one nearer to zero.
        scale: what the stored number is multiplied by: 100 for percent.
        digits: after the point; numbers of 100 and more are shown with fewer.
    """

    label: str
    better: Literal["higher", "lower", "zero"]
    scale: float = 1
    digits: int = 2

    @property
    def wish(self) -> str:
        """Which way is better, in words."""
        return "nearer 0 is better" if self.better == "zero" else f"{self.better} is better"

    def value(self, number: float, sign: str = "-") -> str:
        """Return a number in the shown unit, "-" where there is none; `sign` "+" writes a plus as well."""
        if math.isnan(number):
            return "-"
        shown = self.scale * number
        digits = min(self.digits, max(0, 4 - len(str(int(abs(shown))))))
        return f"{shown:{sign}z.{digits}f}"  # z: what rounds to zero is not "-0.0"

    def interval(self, interval: Interval, sign: str = "-") -> str:
        """Return "value [low, high]" in the shown unit, the value alone where there are no bounds."""
        if math.isnan(interval.low):
            return self.value(interval.value, sign)
        value, low, high = (self.value(each, sign) for each in (interval.value, interval.low, interval.high))
        return f"{value} [{low}, {high}]"


QUANTITIES = {
    "dice": Quantity("Dice %", "higher", 100, 1),
    "iou": Quantity("IoU %", "higher", 100, 1),
    "nsd": Quantity("NSD %", "higher", 100, 1),
    "hd95_mm": Quantity("HD95 mm", "lower"),
    "fn_ml": Quantity("missed lesions mL", "lower"),
    "fp_ml": Quantity("false lesions mL", "lower"),
    "lesion_sensitivity": Quantity("lesion sensitivity %", "higher", 100, 1),
    "lesion_precision": Quantity("lesion precision %", "higher", 100, 1),
    "lesion_f1": Quantity("lesion F1 %", "higher", 100, 1),
    "volume_error_ml": Quantity("volume error mL", "zero"),
    "volume_error_relative": Quantity("volume error %", "zero", 100, 1),
    "fp_ml_without_tumour": Quantity("false mL, no tumour", "lower"),
    "marks_without_tumour": Quantity("marks, no tumour", "lower", digits=1),
    "acc": Quantity("Acc %", "higher", 100, 1),
    "hd95": Quantity("HD95 px", "lower"),
}
"""By the column of the table that holds the score."""
