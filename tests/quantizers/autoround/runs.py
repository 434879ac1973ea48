"""Runs of AutoRound that nobody starts."""

from __future__ import annotations

from typing import Any

from calibset.quantizers.autoround.model_files import ModelInfo
from calibset.quantizers.autoround.options import Quantization
from calibset.quantizers.autoround.run import QuantizationRun, TokenizerLocation
from calibset.quantizers.autoround.versions import parse_version

PLAIN = ModelInfo(path="models/small", is_folder=True, multimodal=False, has_fast_tokenizer=True)
MULTIMODAL = ModelInfo(path="models/mm", is_folder=True, multimodal=True, has_fast_tokenizer=True)


def plain_run(version: str = "0.16.1", model: ModelInfo = PLAIN, **changed: Any) -> QuantizationRun:
    """Return a run that meets no pitfall that it should not."""
    options = {name: changed.pop(name) for name in list(changed) if name in Quantization.model_fields}
    plain: dict[str, Any] = {
        "model": model, "file": "out/x.jsonl", "nsamples": 512, "seqlen": 2048,
        "tokenizer": TokenizerLocation(path="tokenizer", written_from="mistral-small-3.2"),
        "version": parse_version(version), "options": Quantization(**options),
    }  # fmt: skip
    return QuantizationRun(**{**plain, **changed})
