"""Programs of other projects that judge DICOM objects; a test is skipped where they are not installed."""

import shutil
import subprocess

import nibabel
import numpy as np
import pytest

PACKAGES = {"dciodvfy": "dicom3tools", "dsrdump": "dcmtk", "dcmj2pnm": "dcmtk", "plastimatch": "plastimatch"}


def require(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed (Debian package {PACKAGES[program]})")


def run(program, *words):
    require(program)
    done = subprocess.run([program, *map(str, words)], capture_output=True, timeout=120)
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


def errors_of(path):
    """Lines in which dciodvfy finds an object to break the standard."""
    _, said = run("dciodvfy", path)
    assert said.strip(), "dciodvfy names the IOD at least"
    return [line for line in said.splitlines() if line.startswith(("Error", "(0x")) or "Error - " in line]


def plastimatch_masks(path, grid, folder):
    """Masks that plastimatch fills of an RTSTRUCT on the grid of a volume, by ROI, in the volume's axes."""
    nibabel.save(nibabel.Nifti1Image(grid.array, grid.affine), folder / "grid.nii.gz")
    code, said = run(
        *("plastimatch", "convert", "--input", path, "--fixed", folder / "grid.nii.gz"),
        *("--output-prefix", folder / "filled", "--prefix-format", "nii.gz"),
    )
    assert code == 0, said
    found = {}
    for file in (folder / "filled").iterdir():
        image = nibabel.load(file)
        assert np.allclose(image.affine, grid.affine, atol=1e-3)
        found[file.name.removesuffix(".nii.gz")] = np.asanyarray(image.dataobj) > 0
    return found


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))
