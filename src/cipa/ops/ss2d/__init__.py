"""SS2D's scan over a channel-last map."""

from cipa.ops.ss2d.reference import ss2d_reference as ss2d

__all__ = ["ss2d"]
