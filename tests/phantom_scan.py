"""A patient on a couch, drawn in HU and SUV: ellipses of tissue, shells of carbon fibre, foam and cloth."""

import numpy as np

from cipa.io.volume import Volume

SHAPE, EDGE_MM, THICK_MM = (14, 190, 250), 2.0, 3.0
"""Slices, rows and columns of a scan; rows run from front to back."""

AFFINE = np.array([[0, 0, -EDGE_MM, 0], [0, -EDGE_MM, 0, 0], [THICK_MM, 0, 0, 0], [0, 0, 0, 1.0]])
AIR, LUNG, FAT, TISSUE, FOAM, SHELL, CLOTH = -1000, -820, -90, 40, -920, 150, -500
BACK = 75.0
"""Row, mm behind the middle, at which the trunk ends: the couch begins there."""


class Scan:
    """Draws; `alive` is what belongs to the patient, `dead` what does not."""

    def __init__(self, shape=SHAPE, noise=15.0):
        rows, columns = (EDGE_MM * (np.arange(length) - (length - 1) / 2) for length in shape[1:])
        self.y, self.x = np.meshgrid(rows + 20, columns, indexing="ij")  # the patient lies above the couch
        self.hu = np.full(shape, AIR, np.float32)
        self.suv = np.zeros(shape, np.float32)
        self.alive, self.dead = np.zeros(shape, bool), np.zeros(shape, bool)
        self.noise = np.random.default_rng(0).normal(0, noise, shape)

    def ellipse(self, y, x, height, width):
        return ((self.y - y) / height) ** 2 + ((self.x - x) / width) ** 2 <= 1

    def part(self, where, hu=TISSUE, suv=0.6, slices=slice(None)):
        """Draw a part of the patient."""
        for image, value in ((self.hu, hu), (self.suv, suv), (self.alive, True), (self.dead, False)):
            image[slices][:, where] = value
        return self

    def thing(self, where, hu=SHELL, slices=slice(None)):
        """Draw what is not the patient, behind and around what is."""
        free = where & ~self.alive
        self.hu[slices] = np.where(free[slices], hu, self.hu[slices])
        self.dead[slices] |= free[slices]
        return self

    def trunk(self, wall=12.0, y=0.0, x=0.0, size=1.0):
        """Draw a chest whose wall is `wall` mm thick all round."""
        high, wide = BACK * size, 140 * size
        self.part(self.ellipse(y, x, high, wide))
        lungs = self.ellipse(y, x, high - wall, wide - wall) & (abs(self.x - x) > 18 * size)
        return self.part(lungs, LUNG, 0.4)

    def couch(self, kind="flat", gap=0.0):
        """Draw a couch that begins `gap` mm behind the trunk."""
        top = BACK + gap
        if kind == "curved":
            depth = self.y - (top - 0.0008 * self.x**2)
        elif kind == "valley":
            depth = self.y - (top - 0.5 * np.maximum(abs(self.x) - 60, 0))
        else:
            depth = self.y - top
        wide = abs(self.x) < 210
        thick = {"board": 6.0}.get(kind, 40.0)
        self.thing((depth >= 0) & (depth < thick) & wide, SHELL if kind == "board" else FOAM)
        if kind != "board":
            for start, skin in ((0.0, 2.0), (thick - 4, 4.0)):
                self.thing((depth >= start) & (depth < start + skin) & wide, SHELL)
            self.hu[:, (depth >= 0) & (depth < thick) & (abs(abs(self.x) - 208) < 3)] = SHELL
        return self

    def volumes(self):
        """Return CT and PET, with the noise of the CT and the blur of the PET left out where it is air."""
        ct = (self.hu + self.noise).round().astype(np.int16)
        return Volume(ct, AFFINE, None, "CT"), Volume(self.suv, AFFINE, None, "PET")
