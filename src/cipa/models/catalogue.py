"""Every network there is, by name, with what is known of it: no torch is imported to read this.

Parameters and GFLOP are for a pair of 512 x 512 slices and one class, counted by `cost.count`; the tests
count them anew. A GFLOP is 10^9 multiplications or additions of matrix products, convolutions and scans (6 a
state update, exponentials apart); norms and activations are not counted.
"""

from dataclasses import dataclass
from typing import Any

CIPA_PAPER = "Mei et al., CVPR 2025, arXiv 2503.17261"
SIGMA_PAPER = "Wan et al., WACV 2025, arXiv 2404.04256"
APACHE, MONAI = "Apache-2.0", "Apache-2.0 (MONAI)"


@dataclass(frozen=True)
class Entry:
    """What is known of a network.

    Attributes:
        family: CIPA, Sigma or MONAI; the latter needs the extra `cipa[baselines]`.
        about: what sets it apart, in a few words.
        parameters: numbers that are trained.
        gflop: of one forward pass of one pair.
        paper: where it was published.
        licence: of the code that builds it here.
    """

    family: str
    about: str
    parameters: int
    gflop: float
    paper: str
    licence: str


CATALOGUE = {
    "tiny": Entry("CIPA", "CRM and DCIM, the paper's VMamba-T", 54_572_198, 0, CIPA_PAPER, APACHE),
    "small": Entry("CIPA", "with VMamba-S", 76_096_166, 0, CIPA_PAPER, APACHE),
    "base": Entry("CIPA", "with VMamba-B", 130_268_832, 0, CIPA_PAPER, APACHE),
    "nano": Entry("CIPA", "for CPUs and tests", 1_823_573, 0, CIPA_PAPER, APACHE),
    "tiny-crm-only": Entry("CIPA", "ablation: tiny without DCIM", 0, 0, CIPA_PAPER, APACHE),
    "tiny-dcim-only": Entry("CIPA", "ablation: tiny without CRM", 0, 0, CIPA_PAPER, APACHE),
    "tiny-neither": Entry("CIPA", "ablation: maps of CT and PET added", 0, 0, CIPA_PAPER, APACHE),
    "sigma-tiny": Entry("Sigma", "CIPA tiny's rival, no CRM or DCIM", 48_286_592, 0, SIGMA_PAPER, APACHE),
    "sigma-nano": Entry("Sigma", "for CPUs and tests", 0, 0, SIGMA_PAPER, APACHE),
    "unet": Entry(
        "MONAI", "U-Net, residual units", 0, 0, "Ronneberger et al., MICCAI 2015, arXiv 1505.04597", MONAI
    ),
    "attention-unet": Entry("MONAI", "gated skips", 0, 0, "Oktay et al., MIDL 2018, arXiv 1804.03999", MONAI),
    "dynunet": Entry(
        "MONAI", "nnU-Net's network", 0, 0, "Isensee et al., Nat Methods 2021, arXiv 1809.10486", MONAI
    ),
    "swin-unetr": Entry(
        "MONAI", "Swin transformer, 2-D", 0, 0, "Hatamizadeh et al., BrainLes 2021, arXiv 2201.01266", MONAI
    ),
}
"""In the order in which a table shows them."""

ABLATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "tiny-crm-only": ("tiny", {"dcim": False}),
    "tiny-dcim-only": ("tiny", {"crm": False}),
    "tiny-neither": ("tiny", {"crm": False, "dcim": False}),
}
"""Names of variants with a module left out (table 4 of the paper): the variant, and its settings."""


def resolve(name: str) -> tuple[str, dict[str, Any]]:
    """Return the variant a name stands for, and the settings that come with the name."""
    return ABLATIONS.get(name, (name, {}))
