"""What is kept out of a calibration set: duplicates, evaluation texts, unwanted languages, broken text."""
