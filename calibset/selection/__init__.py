"""Which of the candidate rows make the calibration set."""
