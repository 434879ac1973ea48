"""What is kept out of a calibration set: duplicates, evaluation texts, other languages, broken text."""
