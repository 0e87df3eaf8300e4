"""Benchmarks: accuracy and speed against analytic truth and against other packages, and timings for asv."""
