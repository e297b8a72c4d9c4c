"""Networks as files that run without this project's Python classes: PyTorch's `.pt2`, and ONNX."""
