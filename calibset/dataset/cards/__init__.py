"""The dataset card and the model card's section of a calibration file."""
