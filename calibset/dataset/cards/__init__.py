"""The dataset card of a calibration file, and its section in a model card."""
