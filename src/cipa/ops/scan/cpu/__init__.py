"""The scan on a CPU: Python compiled by Numba, sixteen channels a vector, shared by both ops."""
