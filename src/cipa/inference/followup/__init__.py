"""Two studies of one patient at two times: aligned, their lesions matched, what changed, PERCIST."""
