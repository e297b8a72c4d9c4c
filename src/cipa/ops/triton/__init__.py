"""GPU forms of the ops in Triton. Imported only when a tensor on a GPU (or Triton's interpreter) asks for them."""
