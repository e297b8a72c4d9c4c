"""Fused passes around the scan: each op in PyTorch, its Triton kernel beside it (`*_triton.py`)."""
