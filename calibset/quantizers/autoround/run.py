"""One run of AutoRound: which model is quantized, with which rows, by which version."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from packaging.version import Version

from calibset.core.errors import RecipeError
from calibset.quantizers.autoround.model_files import ModelInfo, read_model_max_length
from calibset.quantizers.autoround.options import Quantization
from calibset.quantizers.token_faults import MissingEmbeddings

_TOKENIZER_FOLDER = "tokenizer"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerLocation:
    """The location that AutoRound loads its tokenizer from.

    Attributes:
        path: What ``AutoTokenizer`` loads: a folder, or ``OWNER/NAME`` on the hub.
        written_from: The tokenizer that `calibset tokenizer` must write there first; None if it is there.
        model_max_length: The most tokens that the tokenizer takes; None if it doesn't say or isn't there.
    """

    path: str
    written_from: str | None = None
    model_max_length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationRun:
    """Everything that a command depends on.

    Attributes:
        model: The model to be quantized.
        file: The calibration file, as a path from where the command will run.
        nsamples: The number of its rows.
        seqlen: How many tokens of a row are read.
        tokenizer: The target model's tokenizer, for the Python code.
        version: The version of AutoRound.
        options: The recipe's table ``[quantization]``.
        ids: The parquet file of exact ids that `calibset export` wrote, to be read instead of text.
        file_exists: Whether the file that is read is there already.
        missing_embeddings: The tokens that the model has no embeddings for; None if there are none, or if
            that isn't known.
        older_loader: What transformers before version 5 does to the rows; empty if it reads them as meant.
    """

    model: ModelInfo
    file: str
    nsamples: int
    seqlen: int
    tokenizer: TokenizerLocation
    version: Version
    options: Quantization = field(default_factory=Quantization)
    ids: str | None = None
    file_exists: bool = True
    missing_embeddings: MissingEmbeddings | None = None
    older_loader: str = ""

    @property
    def before_0_16(self) -> bool:
        """Whether the version is older than 0.16, which changed how files and batches are read."""
        return self.version.release < (0, 16)

    @property
    def batch_size(self) -> int:
        """The recipe's batch size, or the largest smaller one at which no row is lost."""
        wanted = self.options.batch_size
        if not self.before_0_16:
            return wanted
        return next(size for size in range(wanted, 0, -1) if not self._loses_rows(size))

    def _loses_rows(self, batch_size: int) -> bool:
        """Return whether AutoRound before 0.16 loses rows, or stops, with batches of a size."""
        left = self.nsamples % batch_size
        return left == 1 or (left > 0 and self.model.may_be_multimodal)

    @property
    def dataset(self) -> str:
        """The file as an argument of AutoRound."""
        if self.before_0_16 and self.model.may_be_multimodal:
            return f"{self.file}:num={self.nsamples}"
        return self.file


def require_printable_paths(run: QuantizationRun) -> None:
    """Make sure that no path holds a character that steers a terminal or can't be seen when pasted.

    Raises:
        RecipeError: A path holds such a character.
    """
    paths = {
        "--model": run.model.path,
        "--file": run.file,
        "--ids": run.ids or "",
        "quantization.output": run.options.output,
        "tokenizer": run.tokenizer.path + (run.tokenizer.written_from or ""),
    }
    for option, path in paths.items():
        if not path.isprintable():
            raise RecipeError(f"{option}: {path!r} holds a character that can't be shown; rename it")


def locate_tokenizer(tokenizer: str, folder: Path = Path()) -> TokenizerLocation:
    """Return where AutoRound loads a recipe's tokenizer from.

    Args:
        tokenizer: The recipe's tokenizer: a known name, a file, a folder, or ``hf://OWNER/NAME``.
        folder: The recipe's folder, which relative paths are looked up in.

    Examples:
        >>> locate_tokenizer("mistral-small-3.2")
        TokenizerLocation(path='tokenizer', written_from='mistral-small-3.2', model_max_length=None)
        >>> locate_tokenizer("models/qwen/tokenizer.json")
        TokenizerLocation(path='models/qwen', written_from=None, model_max_length=None)
    """
    if tokenizer.startswith("hf://"):
        return TokenizerLocation(path=tokenizer.removeprefix("hf://"))
    path = folder / tokenizer
    if path.name == "tokenizer.json":
        return _in_folder(path.parent)
    if path.name == "tekken.json":
        return TokenizerLocation(path=_TOKENIZER_FOLDER, written_from=str(path))
    if not os.path.isdir(path):  # noqa: PTH112  (Path's raises on a name too long)
        return TokenizerLocation(path=_TOKENIZER_FOLDER, written_from=tokenizer)
    # Beside a tekken.json transformers loads mistral-common's tokenizer, whatever else is there.
    tekken = path / "tekken.json"
    if os.path.isfile(tekken):  # noqa: PTH113
        return TokenizerLocation(path=_TOKENIZER_FOLDER, written_from=str(tekken))
    return _in_folder(path)


def _in_folder(folder: Path) -> TokenizerLocation:
    return TokenizerLocation(path=str(folder), model_max_length=read_model_max_length(folder))
