"""Why the CUDA kernels cannot run here."""


class CudaUnavailable(Exception):
    """A library is missing, a kernel cannot be compiled, or the driver does not take it; one line."""
