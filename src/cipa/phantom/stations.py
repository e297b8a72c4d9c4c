"""Where tumours sit: in the lung, against its walls, or wholly in hilum, mediastinum and lower neck.

The stations of the lymph nodes are those of the IASLC map (Rusch et al., J Thorac Oncol 2009), as distances
from the midline and shares of the way from the lung apex to the diaphragm.
"""

import numpy as np
from numpy.typing import NDArray

from cipa.phantom.frame import Frame

SITES = {"lung": 0.33, "pleura": 0.2, "mediastinum": 0.15, "hilum": 0.14, "node": 0.13, "neck": 0.05}
"""Share of each; the first three are places in the lung's air (`sites`)."""

CENTRAL = ("hilum", "node", "neck")
"""Sites outside the lung's air."""

_NODES = {
    "1": (0.0, -38.0, -0.02, (18.0, 6.0, 14.0)),
    "2R and 4R": (-18.0, -34.0, 0.34, (6.0, 6.0, 18.0)),
    "2L and 4L": (16.0, -26.0, 0.36, (5.0, 6.0, 16.0)),
    "3A": (4.0, -84.0, 0.4, (12.0, 5.0, 22.0)),
    "5 and 6": (32.0, -56.0, 0.5, (6.0, 8.0, 10.0)),
    "7": (0.0, -22.0, 0.64, (8.0, 5.0, 12.0)),
    "8": (8.0, -8.0, 0.95, (8.0, 5.0, 24.0)),
}
"""Centre (x mm, y mm, share of the height) and spread (x, y, z mm) of each station."""


def draw_station(rng: np.random.Generator, frame: Frame, site: str) -> NDArray[np.float64]:
    """Draw the centre (3,) in mm of a mass at a site of `CENTRAL`."""
    scale = np.array([frame.wide, frame.deep, 1.0])
    side = rng.choice([-1, 1])
    if site == "hilum":
        centre, spread = np.array([side * 48.0, -22.0, frame.height(0.62)]), (9.0, 10.0, 22.0)
    elif site == "neck":
        centre, spread = np.array([side * 42.0, -30.0, -12.0]), (14.0, 10.0, 16.0)
    else:
        x, y, share, spread = list(_NODES.values())[rng.integers(len(_NODES))]
        centre = np.array([x, y, frame.height(share)])
    drawn: NDArray[np.float64] = centre * scale + rng.normal(0, spread)
    return drawn
