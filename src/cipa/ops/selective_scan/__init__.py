"""The selective scan (S6) over one sequence."""

from cipa.ops.selective_scan.reference import selective_scan_reference as selective_scan

__all__ = ["selective_scan"]
