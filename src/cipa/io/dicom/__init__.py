"""DICOM studies in: files to series, series to volumes, PET to SUV.

`source` lists files, `series` and `geometry` sort and judge them, `study` finds the pair, `times` and
`suv` know how activity becomes SUV, `volumes` decodes. Nothing here prints or logs a patient's name.
"""
