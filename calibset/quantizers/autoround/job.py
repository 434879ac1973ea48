"""One run of AutoRound: what is quantized, with which rows, by which version."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from calibset.core.errors import RecipeError
from calibset.quantizers.autoround.model_files import ModelFacts, longest_text
from calibset.quantizers.autoround.options import Quantization
from calibset.quantizers.autoround.versions import Version

_WRITTEN = "tokenizer"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerPlan:
    """Where AutoRound's tokenizer comes from.

    Attributes:
        place: What ``AutoTokenizer`` loads: a folder, or ``OWNER/NAME`` on the hub.
        name: What `calibset tokenizer` is to write there, or None if it is there already.
        longest_text: Tokens that it says it takes at most, where it is there and does.
    """

    location: str
    name: str | None = None
    longest_text: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Everything that a command depends on.

    Attributes:
        model: The model to be quantized.
        file: The calibration file, as a path from where the command will run.
        nsamples: Its rows.
        seqlen: Tokens of a row that are read.
        tokenizer: The target's, for those that take one.
        version: AutoRound's.
        options: The recipe's table.
        ids: The parquet file of exact ids that `calibset export` wrote, in place of text.
    """

    model: ModelFacts
    file: str
    nsamples: int
    seqlen: int
    tokenizer: TokenizerPlan
    version: Version
    options: Quantization = field(default_factory=Quantization)
    ids: str | None = None

    @property
    def batch_size(self) -> int:
        """The recipe's, or the largest below it at which no row is lost."""
        asked = self.options.batch_size
        if not self.version.before(0, 16):
            return asked
        return next(size for size in range(asked, 0, -1) if not self._loses(size))

    def _loses(self, size: int) -> bool:
        """Return whether AutoRound before 0.16 loses rows, or its way, with batches of a size."""
        left = self.nsamples % size
        return left == 1 or (left > 0 and self.model.may_be_multimodal)

    @property
    def dataset(self) -> str:
        """The file as AutoRound is to be told of it."""
        if self.version.before(0, 16) and self.model.may_be_multimodal:
            return f"{self.file}:num={self.nsamples}"
        return self.file


def ensure_shown_as_is(job: Job) -> None:
    """Make sure that what is printed of a run is what is pasted: no sign steers a terminal or hides.

    Raises:
        RecipeError: A path holds one that does.
    """
    paths = {
        "--model": job.model.path,
        "--file": job.file,
        "--ids": job.ids or "",
        "quantization.output": job.options.output,
        "tokenizer": job.tokenizer.location + (job.tokenizer.name or ""),
    }
    for what, path in paths.items():
        if not path.isprintable():
            raise RecipeError(f"{what}: {path!r} holds a character that can't be shown; rename it")


def tokenizer_plan(tokenizer: str, beside: Path = Path()) -> TokenizerPlan:
    """Return where a quantizer loads a recipe's tokenizer from.

    Args:
        tokenizer: As the recipe names it: a known name, a file, a folder, or ``hf://OWNER/NAME``.
        beside: The recipe's folder, which relative paths are looked up in.

    Examples:
        >>> tokenizer_plan("mistral-small-3.2")
        TokenizerPlan(location='tokenizer', name='mistral-small-3.2', longest_text=None)
        >>> tokenizer_plan("models/qwen/tokenizer.json")
        TokenizerPlan(location='models/qwen', name=None, longest_text=None)
    """
    if tokenizer.startswith("hf://"):
        return TokenizerPlan(location=tokenizer.removeprefix("hf://"))
    path = beside / tokenizer
    if path.name == "tokenizer.json":
        return TokenizerPlan(location=str(path.parent), longest_text=longest_text(path.parent))
    if path.name == "tekken.json":
        return TokenizerPlan(location=_WRITTEN, name=str(path))
    if not os.path.isdir(path):  # noqa: PTH112  (Path's raises on a name too long)
        return TokenizerPlan(location=_WRITTEN, name=tokenizer)
    # Beside a tekken.json transformers loads mistral-common's tokenizer, whatever else is there.
    tekken = path / "tekken.json"
    if os.path.isfile(tekken):  # noqa: PTH113
        return TokenizerPlan(location=_WRITTEN, name=str(tekken))
    return TokenizerPlan(location=str(path), longest_text=longest_text(path))
