"""Measuring a quantized model: what it costs against the base, in one's own domain."""
