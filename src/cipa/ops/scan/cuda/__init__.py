"""The scan's kernels in CUDA C++, compiled by NVRTC on the user's machine, which needs no compiler."""
