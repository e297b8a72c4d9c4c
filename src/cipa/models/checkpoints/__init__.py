"""Weights from and to files: this project's, the published ones, VMamba's ImageNet encoders."""
