"""Every network there is, by name, with what is known of it: no torch is imported to read this.

Parameters and GFLOP are for a pair of 512 x 512 slices and one class, counted by `cost.count`; the tests
count them anew. A GFLOP is 10^9 multiplications or additions of matrix products, convolutions and scans (6 a
state update, exponentials apart); norms and activations are not counted.
"""

from dataclasses import dataclass
from typing import Any

CIPA_PAPER = "Mei et al., CVPR 2025", "2503.17261"
SIGMA_PAPER = "Wan et al., WACV 2025", "2404.04256"
APACHE = "Apache-2.0"


@dataclass(frozen=True)
class Entry:
    """What is known of a network.

    Attributes:
        family: CIPA, Sigma or MONAI; the latter needs the extra `cipa[baselines]`.
        about: what sets it apart, in a few words.
        parameters: numbers that are trained.
        gflop: of one forward pass of one pair.
        paper: who published it where.
        arxiv: number of its preprint.
        licence: of the code that builds it here.
    """

    family: str
    about: str
    parameters: int
    gflop: float
    paper: str
    arxiv: str
    licence: str


CATALOGUE = {
    "tiny": Entry("CIPA", "the paper's network, VMamba-T", 54_572_198, 164.4, *CIPA_PAPER, APACHE),
    "small": Entry("CIPA", "the same with VMamba-S", 76_096_166, 259.1, *CIPA_PAPER, APACHE),
    "base": Entry("CIPA", "the same with VMamba-B", 130_268_832, 437.6, *CIPA_PAPER, APACHE),
    "nano": Entry("CIPA", "for CPUs and tests", 1_823_573, 5.33, *CIPA_PAPER, APACHE),
    "tiny-crm-only": Entry("CIPA", "ablation: CRM, no DCIM", 36_319_748, 145.0, *CIPA_PAPER, APACHE),
    "tiny-dcim-only": Entry("CIPA", "ablation: DCIM, no CRM", 52_167_842, 162.8, *CIPA_PAPER, APACHE),
    "tiny-neither": Entry("CIPA", "ablation: CT and PET maps added", 33_915_392, 143.4, *CIPA_PAPER, APACHE),
    "sigma-tiny": Entry("Sigma", "Cross, Concat Mamba, VMamba-T", 48_286_592, 166.4, *SIGMA_PAPER, APACHE),
    "sigma-nano": Entry("Sigma", "for CPUs and tests", 1_170_352, 5.07, *SIGMA_PAPER, APACHE),
    "unet": Entry(
        "MONAI",
        "U-Net with residual units",
        25_970_780,
        95.8,
        "Ronneberger et al., MICCAI 2015",
        "1505.04597",
        APACHE,
    ),
    "attention-unet": Entry(
        "MONAI",
        "Attention U-Net, gated skips",
        31_739_761,
        337.8,
        "Oktay et al., MIDL 2018",
        "1804.03999",
        APACHE,
    ),
    "dynunet": Entry(
        "MONAI",
        "the network of nnU-Net, 2-D",
        46_309_729,
        119.3,
        "Isensee et al., Nat Methods 2021",
        "1809.10486",
        APACHE,
    ),
    "swin-unetr": Entry(
        "MONAI",
        "Swin UNETR, transformer, 2-D",
        25_138_603,
        142.0,
        "Hatamizadeh et al., BrainLes 2021",
        "2201.01266",
        APACHE,
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
