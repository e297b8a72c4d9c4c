"""The branching vessels of the lungs.

A tree is grown towards random points of the lung, nearest to the hilum first, each joined to the node that
reaches it by the shortest detour. A branch is as thick as the number of leaves behind it asks for (Murray's
law).
"""

import numpy as np
from numpy.typing import NDArray

from cipa.phantom.tubes import Branches

_LEAF_RADIUS = 0.65
_MURRAY = 2.75
_DETOUR = 0.35


def grow_tree(root: NDArray[np.float64], leaves: NDArray[np.float64]) -> Branches:
    """Return vessels from `root` (3,) that supply every point of `leaves` (n, 3), all in mm."""
    order = np.argsort(np.linalg.norm(leaves - root, axis=1))
    nodes = np.concatenate([root[None], leaves[order]])
    parent = np.zeros(len(nodes), int)
    path = np.zeros(len(nodes))
    for i in range(1, len(nodes)):
        reach = np.linalg.norm(nodes[:i] - nodes[i], axis=1)
        parent[i] = np.argmin(reach + _DETOUR * path[:i])
        path[i] = path[parent[i]] + reach[parent[i]]
    supplied = np.ones(len(nodes))
    for i in range(len(nodes) - 1, 0, -1):
        supplied[parent[i]] += supplied[i]
    radius = _LEAF_RADIUS * supplied ** (1 / _MURRAY)
    child = np.arange(1, len(nodes))
    return Branches(
        nodes[parent[1:]], nodes[child], np.minimum(radius[parent[1:]], radius[child] * 1.25), radius[child]
    )
