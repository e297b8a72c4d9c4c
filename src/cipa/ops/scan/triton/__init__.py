"""GPU forms of the ops, in Triton: imported when a tensor on a GPU, or the interpreter, asks for them."""
