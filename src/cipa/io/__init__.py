"""Image files (PNG, NIfTI, DICOM) and the grids their voxels lie on; knows no model and no data set."""
