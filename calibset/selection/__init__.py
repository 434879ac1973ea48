"""Which of a pool's candidate rows make the calibration set."""
