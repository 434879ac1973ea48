"""The names of the quantizers whose way with a calibration file is known."""

from __future__ import annotations

from typing import Literal

QuantizerName = Literal[
    "autoround", "gptqmodel", "llm-compressor", "llama.cpp", "modelopt", "autoawq", "exllamav2"
]
"""As recipes and commands spell them; ``calibset.consumers`` has a module for each."""
