"""Runs of AutoRound that nobody starts."""

from __future__ import annotations

from typing import Any

from calibset.quantizers.autoround.job import Job, TokenizerPlan
from calibset.quantizers.autoround.model_files import ModelFacts
from calibset.quantizers.autoround.options import Quantization
from calibset.quantizers.autoround.versions import Version

PLAIN = ModelFacts(path="models/small", is_folder=True, multimodal=False, has_fast_tokenizer=True)
MULTIMODAL = ModelFacts(path="models/mm", is_folder=True, multimodal=True, has_fast_tokenizer=True)


def job(version: str = "0.16.1", model: ModelFacts = PLAIN, **changed: Any) -> Job:
    """Return a run that meets no trap that it should not."""
    options = {name: changed.pop(name) for name in list(changed) if name in Quantization.model_fields}
    plain: dict[str, Any] = {
        "model": model, "file": "out/x.jsonl", "nsamples": 512, "seqlen": 2048,
        "tokenizer": TokenizerPlan(location="tokenizer", name="mistral-small-3.2"),
        "version": Version.parse(version), "options": Quantization(**options),
    }  # fmt: skip
    return Job(**{**plain, **changed})
