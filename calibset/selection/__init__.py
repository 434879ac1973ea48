"""The choice of the rows that make up the calibration set."""
