"""The selective scan (S6) over one sequence: `selective_scan`, and the loop it is tested against."""

from cipa.ops.selective_scan.op import selective_scan
from cipa.ops.selective_scan.reference import selective_scan_reference

__all__ = ["selective_scan", "selective_scan_reference"]
