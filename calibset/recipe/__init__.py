"""The recipe of a calibration set: its model, its TOML file and its validation."""
