"""AutoRound, run on a recipe's file: the command, and what goes wrong without it."""

from __future__ import annotations

from calibset.quantization.commands import QuantizeCommand, quantize_command
from calibset.quantization.job import Job, TokenizerPlan, tokenizer_plan
from calibset.quantization.models import ModelFacts, model_facts
from calibset.quantization.options import Quantization
from calibset.quantization.trap import Effect, Trap, Way
from calibset.quantization.traps import traps_of
from calibset.quantization.versions import Version, version_of

__all__ = [
    "Effect",
    "Job",
    "ModelFacts",
    "Quantization",
    "QuantizeCommand",
    "TokenizerPlan",
    "Trap",
    "Version",
    "Way",
    "model_facts",
    "quantize_command",
    "tokenizer_plan",
    "traps_of",
    "version_of",
]
