"""Phantoms: thorax PET-CT of patients that never lived, to practise, test and demonstrate on.

A patient is an ordered list of solids with CT numbers and FDG uptake (`scene`, `frame`, `wall`, `organs`,
`vessels`, `tumours`, `decoys`) that two simulated scanners look at (`acquisition`). `write` makes data sets
of them and `baseline` scores PET thresholds. They do not model a population: use them to see that
software works and that a network learns, never to judge how well it would do on patients.
"""

from cipa.evaluation.threshold_baseline import ThresholdScore, threshold_baseline
from cipa.phantom.patient import PhantomPatient, draw_patient
from cipa.phantom.write import write_phantoms

__all__ = ["PhantomPatient", "ThresholdScore", "draw_patient", "threshold_baseline", "write_phantoms"]
