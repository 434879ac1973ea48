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
    from calibset.backends import Misreading, Readback, read_back
    from calibset.calibration_set import CalibrationSet
    from calibset.comparison import Difference, differences
    from calibset.consumers import CONSUMERS, Acceptance, Consumer, Contract, Replay, consumer_of
    from calibset.document import (
        Conversation,
        Document,
        Message,
        Record,
        Rejection,
        Sample,
        SetAside,
        Span,
        Tool,
        ToolCall,
    )
    from calibset.errors import (
        CalibsetError,
        ConsumerError,
        LockError,
        MixtureError,
        OfflineError,
        OutputError,
        RecipeError,
        SourceError,
        TokenizerError,
    )
    from calibset.exporting import Exported, export_for, export_input_ids
    from calibset.lockfile import Lock, read_lock, write_lock
    from calibset.manifest import Manifest, read_manifest
    from calibset.pipeline import build, check, plan
    from calibset.planned import Plan
    from calibset.recipe import Recipe
    from calibset.recipe_file import load_recipe, parse_recipe
    from calibset.report import write_report
    from calibset.sources import Source
    from calibset.storage import File, Reader, in_memory
    from calibset.tokenizers import Tokenizer, load_tokenizer
    from calibset.verification import verify

__all__ = [
    "CONSUMERS",
    "Acceptance",
    "CalibrationSet",
    "CalibsetError",
    "Consumer",
    "ConsumerError",
    "Contract",
    "Conversation",
    "Difference",
    "Document",
    "Exported",
    "File",
    "Lock",
    "LockError",
    "Manifest",
    "Message",
    "Misreading",
    "MixtureError",
    "OfflineError",
    "OutputError",
    "Plan",
    "Readback",
    "Reader",
    "Recipe",
    "RecipeError",
    "Record",
    "Rejection",
    "Replay",
    "Sample",
    "SetAside",
    "Source",
    "SourceError",
    "Span",
    "Tokenizer",
    "TokenizerError",
    "Tool",
    "ToolCall",
    "build",
    "check",
    "consumer_of",
    "differences",
    "export_for",
    "export_input_ids",
    "in_memory",
    "load_recipe",
    "load_tokenizer",
    "parse_recipe",
    "plan",
    "read_back",
    "read_lock",
    "read_manifest",
    "verify",
    "write_lock",
    "write_report",
]

_HOMES = {
    "calibset.backends": ("Misreading", "Readback", "read_back"),
    "calibset.calibration_set": ("CalibrationSet",),
    "calibset.comparison": ("Difference", "differences"),
    "calibset.consumers": ("CONSUMERS", "Acceptance", "Consumer", "Contract", "Replay", "consumer_of"),
    "calibset.document": (
        "Conversation", "Document", "Message", "Record", "Rejection", "Sample", "SetAside", "Span", "Tool",
        "ToolCall",
    ),
    "calibset.errors": (
        "CalibsetError", "ConsumerError", "LockError", "MixtureError", "OfflineError", "OutputError",
        "RecipeError", "SourceError", "TokenizerError",
    ),
    "calibset.exporting": ("Exported", "export_for", "export_input_ids"),
    "calibset.lockfile": ("Lock", "read_lock", "write_lock"),
    "calibset.manifest": ("Manifest", "read_manifest"),
    "calibset.pipeline": ("Plan", "build", "check", "plan"),
    "calibset.recipe": ("Recipe",),
    "calibset.recipe_file": ("load_recipe", "parse_recipe"),
    "calibset.report": ("write_report",),
    "calibset.sources": ("Source",),
    "calibset.storage": ("File", "Reader", "in_memory"),
    "calibset.tokenizers": ("Tokenizer", "load_tokenizer"),
    "calibset.verification": ("verify",),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
