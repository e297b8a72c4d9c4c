"""Names of the files that prediction writes."""

from pathlib import Path

from cipa.errors import UsageError

OTHER_FORMATS = (
    ".png",
    ".nii",
    ".gz",
    ".bz2",
    ".hdr",
    ".img",
    ".mha",
    ".nrrd",
    ".dcm",
    ".jpg",
    ".tif",
    ".zip",
)
"""Last suffixes that say an image file was meant, not a folder."""

MASK_SUFFIXES = (".nii.gz", ".nii", ".png")
"""Suffixes of the masks written."""


def mask_name(out: Path, suffixes: tuple[str, ...], inputs: tuple[Path, ...]) -> Path:
    """Return the file that a mask is written to.

    Args:
        out: what the user asked for: a file that ends in one of `suffixes`, or a folder.
        suffixes: endings of the format; in a folder the mask is `mask` with the first of them.
        inputs: files that must not be overwritten.

    Raises:
        UsageError: the file is one of `inputs`, or has the suffix of another format.
    """
    name = out
    if out.is_dir() or not out.name.lower().endswith(suffixes):
        if not out.is_dir() and out.suffix.lower() in OTHER_FORMATS:
            raise UsageError(f"-o {out}: give a folder, or a name that ends in {' or '.join(suffixes)}")
        name = out / f"mask{suffixes[0]}"
    if name.resolve() in [path.resolve() for path in inputs]:
        raise UsageError(f"-o {out}: an input would be overwritten; choose another name")
    return name


def is_mask_file(out: Path) -> bool:
    """Tell whether OUT of a study names one NIfTI mask and not a folder.

    Raises:
        UsageError: it has the suffix of another format.
    """
    if out.is_dir():
        return False
    if out.name.lower().endswith((".nii.gz", ".nii")):
        return True
    if out.suffix.lower() in OTHER_FORMATS:
        raise UsageError(f"-o {out}: give a folder, or a name that ends in .nii.gz or .nii")
    return False


def probability_name(mask: Path) -> Path:
    """Return the name of the probability map beside a mask: `a_mask.png` gives `a_probability.png`."""
    suffix = next(suffix for suffix in MASK_SUFFIXES if mask.name.lower().endswith(suffix))
    stem = mask.name[: -len(suffix)].removesuffix("mask").removesuffix("_")
    ending = mask.name[-len(suffix) :]
    return mask.with_name((f"{stem}_" if stem else "") + "probability" + ending)
