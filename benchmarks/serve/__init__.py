"""A node under load, kills, full disks and damaged messages: `python -m benchmarks.serve --help`."""
