"""Which calibration set quantizes better? A model is quantized with each, and all are measured."""
