"""Train networks on real patients and phantoms together, and cross-validate them, within stated seconds."""
