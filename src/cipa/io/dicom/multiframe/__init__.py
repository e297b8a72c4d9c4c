"""Enhanced multi-frame CT and PET (DICOM PS3.3 A.38, A.56, A.70, A.72), opened as one slice a frame.

Everything downstream sees the headers that classic single-frame files would have had.
"""
