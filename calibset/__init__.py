"""calibset: calibration datasets for post-training quantization of language models.

    recipe = calibset.load_recipe("quickstart.toml")
    built = calibset.build(recipe)
    built.write("quickstart.jsonl")

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

_NAMES = {
    # Recipes
    "calibset.recipe.loader": ("load_recipe", "parse_recipe"),
    "calibset.recipe.model": ("Recipe",),
    # Builds
    "calibset.pipeline.plan": ("plan", "Plan"),
    "calibset.pipeline.check": ("check",),
    "calibset.pipeline.score": ("score", "SourceScores"),
    "calibset.pipeline.build": ("build",),
    "calibset.pipeline.repack": ("repack",),
    "calibset.dataset.calibration_set": ("CalibrationSet",),
    # Models
    "calibset.evaluation.evaluate": ("evaluate",),
    "calibset.evaluation.measurement": ("Measurement",),
    "calibset.evaluation.compare": ("compare",),
    "calibset.evaluation.comparison": ("Comparison",),
    # Files
    "calibset.dataset.calibration_file": ("CalibrationFile",),
    "calibset.dataset.verify": ("verify",),
    "calibset.dataset.export": ("export",),
    "calibset.dataset.tokenizer_check": ("check_tokenizer",),
    "calibset.dataset.diff": ("diff",),
    "calibset.dataset.report": ("report_html", "write_report"),
    "calibset.dataset.manifest": ("Manifest",),
    "calibset.dataset.lockfile": ("Lock",),
    # Values
    "calibset.core.documents": (
        "Document", "Conversation", "Message", "Tool", "ToolCall", "Record", "Rejection", "Filtered",
        "Sample", "Span",
    ),
    # Sources
    "calibset.sources": ("Source",),
    "calibset.storage": ("File", "Reader", "memory_reader"),
    "calibset.storage.compression": ("read_whole",),
    "calibset.storage.text_lines": ("read_whole_text",),
    # Quantizers
    "calibset.quantizers": ("QUANTIZERS", "get_quantizer", "Quantizer", "LoadReport", "RowResult", "Verdict"),
    # Tokenizers
    "calibset.tokenizers": ("load_tokenizer", "Tokenizer"),
    # Errors
    "calibset.core.errors": (
        "CalibsetError", "RecipeError", "SourceError", "OfflineError", "MixtureError", "TokenizerError",
        "QuantizerError", "LockError", "OutputError",
    ),
}  # fmt: skip
"""The public names, by the module that each is loaded from, in the order of the reference."""

_HOMES = {name: module for module, names in _NAMES.items() for name in names}

__all__ = list(_HOMES)

# The same names for type checkers and editors; a test compares the two.
if TYPE_CHECKING:
    from calibset.core.documents import Conversation as Conversation
    from calibset.core.documents import Document as Document
    from calibset.core.documents import Filtered as Filtered
    from calibset.core.documents import Message as Message
    from calibset.core.documents import Record as Record
    from calibset.core.documents import Rejection as Rejection
    from calibset.core.documents import Sample as Sample
    from calibset.core.documents import Span as Span
    from calibset.core.documents import Tool as Tool
    from calibset.core.documents import ToolCall as ToolCall
    from calibset.core.errors import CalibsetError as CalibsetError
    from calibset.core.errors import LockError as LockError
    from calibset.core.errors import MixtureError as MixtureError
    from calibset.core.errors import OfflineError as OfflineError
    from calibset.core.errors import OutputError as OutputError
    from calibset.core.errors import QuantizerError as QuantizerError
    from calibset.core.errors import RecipeError as RecipeError
    from calibset.core.errors import SourceError as SourceError
    from calibset.core.errors import TokenizerError as TokenizerError
    from calibset.dataset.calibration_file import CalibrationFile as CalibrationFile
    from calibset.dataset.calibration_set import CalibrationSet as CalibrationSet
    from calibset.dataset.diff import diff as diff
    from calibset.dataset.export import export as export
    from calibset.dataset.lockfile import Lock as Lock
    from calibset.dataset.manifest import Manifest as Manifest
    from calibset.dataset.report import report_html as report_html
    from calibset.dataset.report import write_report as write_report
    from calibset.dataset.tokenizer_check import check_tokenizer as check_tokenizer
    from calibset.dataset.verify import verify as verify
    from calibset.evaluation.compare import compare as compare
    from calibset.evaluation.comparison import Comparison as Comparison
    from calibset.evaluation.evaluate import evaluate as evaluate
    from calibset.evaluation.measurement import Measurement as Measurement
    from calibset.pipeline.build import build as build
    from calibset.pipeline.check import check as check
    from calibset.pipeline.plan import Plan as Plan
    from calibset.pipeline.plan import plan as plan
    from calibset.pipeline.repack import repack as repack
    from calibset.pipeline.score import SourceScores as SourceScores
    from calibset.pipeline.score import score as score
    from calibset.quantizers import QUANTIZERS as QUANTIZERS
    from calibset.quantizers import LoadReport as LoadReport
    from calibset.quantizers import Quantizer as Quantizer
    from calibset.quantizers import RowResult as RowResult
    from calibset.quantizers import Verdict as Verdict
    from calibset.quantizers import get_quantizer as get_quantizer
    from calibset.recipe.loader import load_recipe as load_recipe
    from calibset.recipe.loader import parse_recipe as parse_recipe
    from calibset.recipe.model import Recipe as Recipe
    from calibset.sources import Source as Source
    from calibset.storage import File as File
    from calibset.storage import Reader as Reader
    from calibset.storage import memory_reader as memory_reader
    from calibset.storage.compression import read_whole as read_whole
    from calibset.storage.text_lines import read_whole_text as read_whole_text
    from calibset.tokenizers import Tokenizer as Tokenizer
    from calibset.tokenizers import load_tokenizer as load_tokenizer
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
