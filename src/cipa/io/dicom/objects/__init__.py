"""DICOM objects made of a result: what a PACS, a viewer and a planning system take of it."""
