"""A calibration set, in memory and on disk, and what is made of it."""
