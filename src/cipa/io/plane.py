"""Axial slices of any size on the network's square image, and maps from there back to the very same pixels.

Which way is sound depends on millimetres, not on pixels. A network trained on S x S images of a scanner's
whole field of view F knows anatomy at F / S millimetres a pixel. PCLT20K does not publish its pixel size;
500 mm, a usual field of view of a PET-CT scanner's CT, gives 0.977 mm at 512 pixels and is the default of F.

- `pad`: pixels are kept; air is put around a smaller slice. Exact both ways.
- `resample`: the slice is resized to F / S millimetres a pixel (coarser if it spans more than F) and padded.
- `auto`: slices of the network's own size stay as they are (as PCLT20K's did); smaller ones are padded if
  their pixels are within a factor of F / S; all others, and pixels that are not square, are resampled.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cipa.errors import UsageError

FIELD_OF_VIEW_MM = 500.0
"""Millimetres that the network's image spans, unless the caller knows better."""

NEAR = 1.6
"""Pixels up to this factor from the network's are kept by `auto`: 0.61 to 1.56 mm at 512 pixels of 500 mm."""

SQUARE = 1.05
"""Pixels with edges up to this ratio count as square."""


@dataclass(frozen=True)
class PlaneFit:
    """Where a slice lies on the network's image.

    Attributes:
        source: (H, W) of the slices.
        content: (h, w) of a slice on the network's image, at most `size`; `source` when pixels are kept.
        size: side of the network's square image in pixels.
    """

    source: tuple[int, int]
    content: tuple[int, int]
    size: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the network's image that hold the slice: its middle."""
        top, left = ((self.size - length) // 2 for length in self.content)
        return slice(top, top + self.content[0]), slice(left, left + self.content[1])

    def to_network(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Put slices on the network's image, with 0 (air, no uptake) around them.

        Args:
            images: uint8 (B, H, W), 0 being the lower end of the window.

        Returns:
            uint8 (B, size, size).
        """
        canvas = np.zeros((len(images), self.size, self.size), dtype=np.uint8)
        kept = self.content == self.source
        canvas[:, *self.window] = images if kept else np.rint(_resize(images, self.content))
        return canvas

    def to_source(self, maps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Take maps from the network's image back to the pixels of the slices.

        Args:
            maps: float32 (B, size, size), probabilities.

        Returns:
            float32 (B, H, W); the very values where pixels were kept, bilinear otherwise.
        """
        content = maps[:, *self.window]
        return content if self.content == self.source else _resize(content, self.source)


def fit_plane(
    shape: tuple[int, int],
    spacing: tuple[float, float],
    size: int,
    fit: str = "auto",
    field_of_view: float = FIELD_OF_VIEW_MM,
) -> PlaneFit:
    """Decide how slices go onto the network's image.

    Args:
        shape: (H, W) of the slices.
        spacing: millimetres between rows and between columns.
        size: side of the network's square image in pixels.
        fit: `auto`, `pad` or `resample`, as the head of this module says.
        field_of_view: millimetres that the network's image spans.

    Returns:
        The fit, for both directions.

    Raises:
        UsageError: `fit` is none of the three, or `pad` is asked for a slice larger than the network's image.
    """
    if fit not in ("auto", "pad", "resample"):
        raise UsageError(f"unknown fit '{fit}': choose auto, pad or resample")
    if not field_of_view > 0:
        raise UsageError(f"field of view {field_of_view:g} mm: give a positive length, e.g. 500")
    fits = max(shape) <= size
    if fit == "pad" and not fits:
        raise UsageError(
            f"fit 'pad' keeps pixels, but slices of {shape[0]} x {shape[1]} exceed the network's "
            f"{size} x {size}: choose fit 'resample' or weights of a larger image size"
        )
    if fit == "pad" or (fit == "auto" and fits and _keeps_pixels(shape, spacing, size, field_of_view)):
        return PlaneFit(shape, shape, size)
    extent = [length * step for length, step in zip(shape, spacing, strict=True)]
    pixel = max(field_of_view, *extent) / size
    rows, columns = (min(size, max(1, round(length / pixel))) for length in extent)
    return PlaneFit(shape, (rows, columns), size)


def _keeps_pixels(
    shape: tuple[int, int], spacing: tuple[float, float], size: int, field_of_view: float
) -> bool:
    if max(spacing) > SQUARE * min(spacing):
        return False
    if shape == (size, size):
        return True
    return all(1 / NEAR <= step * size / field_of_view <= NEAR for step in spacing)


def _resize(images: npt.NDArray[np.generic], shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Resize (B, h, w) bilinearly, edges of the image on edges, averaging where pixels grow larger."""
    import torch  # 1.5 s of a processor, which reading a study does not need
    from torch.nn.functional import interpolate

    pixels = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))[:, None]
    return interpolate(pixels, shape, mode="bilinear", align_corners=False, antialias=True)[:, 0].numpy()
