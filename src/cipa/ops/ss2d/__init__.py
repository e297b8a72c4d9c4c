"""SS2D's scan over a channel-last map: `ss2d`, and the loop it is tested against."""

from cipa.ops.ss2d.op import ss2d
from cipa.ops.ss2d.reference import ss2d_reference

__all__ = ["ss2d", "ss2d_reference"]
