"""From a recipe to a calibration set: the only place where the parts are put together."""
