"""calibset: calibration datasets for post-training quantization of language models.

    recipe = calibset.load_recipe("recipes/quickstart.toml")
    built = calibset.build(recipe)
    built.write("quickstart.jsonl")

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from calibset.core.documents import (
        Conversation,
        Document,
        Filtered,
        Message,
        Record,
        Rejection,
        Sample,
        Span,
        Tool,
        ToolCall,
    )
    from calibset.core.errors import (
        CalibsetError,
        LockError,
        MixtureError,
        OfflineError,
        OutputError,
        QuantizerError,
        RecipeError,
        SourceError,
        TokenizerError,
    )
    from calibset.dataset.calibration_set import CalibrationSet
    from calibset.dataset.diff import Difference, differences
    from calibset.dataset.export import ExportResult, export_for, export_input_ids
    from calibset.dataset.lockfile import Lock, read_lock, write_lock
    from calibset.dataset.manifest import Manifest, read_manifest
    from calibset.dataset.report import write_report
    from calibset.dataset.tokenizer_check import TokenizerReport, TokenMismatch, check_tokenizer
    from calibset.dataset.verify import verify
    from calibset.pipeline.build import build
    from calibset.pipeline.check import check
    from calibset.pipeline.plan import Plan, plan
    from calibset.quantizers import (
        QUANTIZERS,
        LoadReport,
        Quantizer,
        QuantizerInfo,
        RowResult,
        get_quantizer,
    )
    from calibset.recipe.loader import load_recipe, parse_recipe
    from calibset.recipe.model import Recipe
    from calibset.sources import Source
    from calibset.storage import File, Reader, memory_reader
    from calibset.tokenizers import Tokenizer, load_tokenizer

__all__ = [
    "QUANTIZERS",
    "CalibrationSet",
    "CalibsetError",
    "Conversation",
    "Difference",
    "Document",
    "ExportResult",
    "File",
    "Filtered",
    "LoadReport",
    "Lock",
    "LockError",
    "Manifest",
    "Message",
    "MixtureError",
    "OfflineError",
    "OutputError",
    "Plan",
    "Quantizer",
    "QuantizerError",
    "QuantizerInfo",
    "Reader",
    "Recipe",
    "RecipeError",
    "Record",
    "Rejection",
    "RowResult",
    "Sample",
    "Source",
    "SourceError",
    "Span",
    "TokenMismatch",
    "Tokenizer",
    "TokenizerError",
    "TokenizerReport",
    "Tool",
    "ToolCall",
    "build",
    "check",
    "check_tokenizer",
    "differences",
    "export_for",
    "export_input_ids",
    "get_quantizer",
    "load_recipe",
    "load_tokenizer",
    "memory_reader",
    "parse_recipe",
    "plan",
    "read_lock",
    "read_manifest",
    "verify",
    "write_lock",
    "write_report",
]

_HOMES = {
    "calibset.dataset.tokenizer_check": ("TokenMismatch", "TokenizerReport", "check_tokenizer"),
    "calibset.dataset.calibration_set": ("CalibrationSet",),
    "calibset.dataset.diff": ("Difference", "differences"),
    "calibset.quantizers": (
        "QUANTIZERS", "LoadReport", "Quantizer", "QuantizerInfo", "RowResult", "get_quantizer",
    ),
    "calibset.core.documents": (
        "Conversation", "Document", "Message", "Record", "Rejection", "Sample", "Filtered", "Span", "Tool",
        "ToolCall",
    ),
    "calibset.core.errors": (
        "CalibsetError", "QuantizerError", "LockError", "MixtureError", "OfflineError", "OutputError",
        "RecipeError", "SourceError", "TokenizerError",
    ),
    "calibset.dataset.export": ("ExportResult", "export_for", "export_input_ids"),
    "calibset.dataset.lockfile": ("Lock", "read_lock", "write_lock"),
    "calibset.dataset.manifest": ("Manifest", "read_manifest"),
    "calibset.pipeline.build": ("build",),
    "calibset.pipeline.check": ("check",),
    "calibset.pipeline.plan": ("Plan", "plan"),
    "calibset.recipe.model": ("Recipe",),
    "calibset.recipe.loader": ("load_recipe", "parse_recipe"),
    "calibset.dataset.report": ("write_report",),
    "calibset.sources": ("Source",),
    "calibset.storage": ("File", "Reader", "memory_reader"),
    "calibset.tokenizers": ("Tokenizer", "load_tokenizer"),
    "calibset.dataset.verify": ("verify",),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
