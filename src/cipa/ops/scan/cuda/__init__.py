"""The scan's kernels in CUDA C++, compiled by NVRTC on the user's machine: no compiler is installed for them."""
