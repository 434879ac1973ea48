"""The names of the quantizers, which a help text or a recipe needs without their simulations."""

from __future__ import annotations

from typing import Literal

QuantizerName = Literal[
    "autoround", "gptqmodel", "llm-compressor", "llama.cpp", "modelopt", "autoawq", "exllamav2"
]
"""The names in recipes and commands: the keys of ``calibset.quantizers.QUANTIZERS``."""

DEFAULT_QUANTIZER: QuantizerName = "autoround"
"""The quantizer of recipes and files that name none."""
