"""From a recipe to a calibration set: the only package that puts the others together."""
