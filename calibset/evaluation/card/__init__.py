"""The benchmark sections of a quantized model's card, from measured files alone."""

from calibset.evaluation.card.benchmarks import benchmark_sections

__all__ = ["benchmark_sections"]
