"""The record of a build: what went in, what came out, and why things were left out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from calibset.errors import OutputError

__all__ = [
    "ContaminationReport",
    "CurveReport",
    "DuplicateReport",
    "EvaluationReport",
    "GroupReport",
    "HoldoutReport",
    "Manifest",
    "SampleReport",
    "SelectionReport",
    "SourceReport",
    "SpanReport",
    "TokenizerReport",
    "manifest_path",
    "read_manifest",
    "versions",
]

# Packages whose version may change which bytes a build writes.
_DETERMINE_BYTES = (
    "calibset", "datasets", "ftfy", "jinja2", "mistral-common", "numpy", "openpyxl", "phonenumberslite",
    "py3langid", "pyarrow", "python-stdnum", "rdflib", "rensa", "tiktoken", "tokenizers", "transformers",
)  # fmt: skip


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TokenizerReport(_Frozen):
    """The tokenizer that measured the rows."""

    name: str
    sha256: str


class GroupReport(_Frozen):
    """A group: samples asked for and had, and the tokens that the quantizer reads of them."""

    name: str
    share: float | None
    asked: int
    achieved: int
    tokens: int


class DuplicateReport(_Frozen):
    """A document that was left out, and the one before it that it repeats (``kept`` of ``source``).

    ``exact`` where all words are the same in the same order; ``similarity`` is that of their sets of words.
    """

    document: str
    source: str
    kept: str
    similarity: float
    exact: bool


class ContaminationReport(_Frozen):
    """A document that shares ``words`` words in a row with a passage of an evaluation set, or of ``others``.

    ``containment`` is the part of the document's runs of words that evaluation sets hold.
    """

    document: str
    exclude: str
    others: tuple[str, ...]
    passage: str
    words: int
    containment: float
    excerpt: str


class SourceReport(_Frozen):
    """A source: where it was read, what it gave, and what was left out for which reason.

    ``tokens`` are those of its rows, ``tokens_read`` those that the quantizer reads (its BOS is
    not counted). ``documents_read`` came in and could be packed, ``documents_used`` stand in a
    row; the heads of others may stand there as fillers. ``from_beginning`` says that something was
    read as a stream, so that its documents are no fair sample of the corpus. ``pool`` rows were there
    to choose from. ``document_lengths`` has, for each power of two, how many documents read have so many
    characters or more, and fewer than the next. ``repaired`` counts documents by what was mended in them,
    ``personal_data`` what made-up data stands in for. ``tool_names`` has, by conversation, the names
    that the model reads in place of the corpus's own.
    """

    name: str
    group: str
    type: str
    place: str
    revision: str | None
    licence: str
    from_beginning: bool
    asked: int
    pool: int
    achieved: int
    repeated: int
    tokens: int
    tokens_read: int
    documents_read: int
    documents_used: int
    document_lengths: Mapping[int, int]
    rejections: Mapping[str, int]
    set_aside: Mapping[str, int]
    control_tokens_neutralised: int
    blanks_shortened: int
    conversations_shortened: int
    repaired: Mapping[str, int]
    boilerplate_lines: int
    personal_data: Mapping[str, int]
    duplicates: tuple[DuplicateReport, ...]
    contaminated: tuple[ContaminationReport, ...]
    tool_names: Mapping[str, Mapping[str, str]]


class EvaluationReport(_Frozen):
    """An evaluation set that was kept out; ``matched`` documents of the sources hold a part of it.

    What of it could not be read (``rejections``) or was left out can't be kept out; nor can the
    ``too_short`` documents of fewer than 8 words, but where they follow each other as they do there.
    """

    name: str
    type: str
    place: str
    revision: str | None
    licence: str
    documents: int
    words: int
    too_short: int
    rejections: Mapping[str, int]
    set_aside: Mapping[str, int]
    matched: int


class CurveReport(_Frozen):
    """Different tokens in the first ``rows`` rows chosen, and in so many random ones on average."""

    rows: int
    chosen: int
    random_mean: float


class SelectionReport(_Frozen):
    """What the rows chosen from the pool cover.

    ``distinct_tokens`` are different ones that the quantizer reads; ``random_mean`` and ``random_sd``
    are those of 20 random choices under the same quotas, ``pool_tokens`` those of all candidates,
    and no choice under the quotas has more than ``attainable``. ``closed`` is the part of the gap between
    random choice and all candidates that is closed, ``closed_of_attainable`` that to what is attainable.
    ``terms_missed`` stand in some candidate and in no row, ``terms_absent`` in no candidate.
    """

    method: str
    pool: int
    distinct_tokens: int
    random_mean: float
    random_sd: float
    closed: float | None
    closed_of_attainable: float | None
    pool_tokens: int
    attainable: int
    terms_met: tuple[str, ...]
    terms_missed: tuple[str, ...]
    terms_absent: tuple[str, ...]
    curve: tuple[CurveReport, ...]


class HoldoutReport(_Frozen):
    """The other file of a build: ``role`` says whether it is the ``holdout`` or the ``calibration`` set."""

    role: Literal["holdout", "calibration"]
    nsamples: int
    sha256: str


class SpanReport(_Frozen):
    """Where a document stands in a row's text, in characters."""

    document: str
    start: int
    end: int
    whole: bool
    filler: bool


class SampleReport(_Frozen):
    """A row of the file."""

    source: str
    tokens: int
    documents: tuple[SpanReport, ...]


class Manifest(_Frozen):
    """All there is to say of a calibration file; written beside it.

    Attributes:
        waste: Share of the tokens that stand beyond ``seqlen``.
        filler: Share of the tokens read that belong to fillers.
        turns: Assistant turns that begin in the rows.
        complete_turns: Those that the quantizer reads to their end.
        kept: Rows that the consumer's replay keeps.
        evaluations: Evaluation sets that were kept out.
        selection: What the rows cover, where they were chosen to.
        other: The file that shares no document with this one, if there is one.
        sha256: Of the file's bytes.
    """

    format: Literal[1] = 1
    name: str
    recipe: Mapping[str, Any]
    versions: Mapping[str, str]
    tokenizer: TokenizerReport
    consumer: str
    nsamples: int
    seqlen: int
    kept: int
    waste: float
    filler: float
    turns: int
    complete_turns: int
    groups: tuple[GroupReport, ...]
    sources: tuple[SourceReport, ...]
    evaluations: tuple[EvaluationReport, ...]
    selection: SelectionReport | None
    other: HoldoutReport | None
    samples: tuple[SampleReport, ...]
    sha256: str

    def to_json(self) -> str:
        """Return the manifest as JSON text, the same bytes for the same build."""
        return self.model_dump_json(indent=1) + "\n"


def manifest_path(file: Path) -> Path:
    """Return where a calibration file's manifest stands: ``x.jsonl`` has ``x.manifest.json``."""
    return file.parent / f"{file.stem}.manifest.json"


def read_manifest(file: str | Path) -> Manifest | None:
    """Return the manifest beside a calibration file, or at its own path; None if there is none.

    Raises:
        OutputError: There is one, and it can't be read.
    """
    file = Path(file)
    path = file if file.name.endswith(".manifest.json") else manifest_path(file)
    if not os.path.isfile(path):  # noqa: PTH113  (Path's raises where a folder may not be entered)
        return None
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise OutputError(
            f"{path}: is no manifest of this version of calibset; build the file again"
        ) from error


def versions() -> dict[str, str]:
    """Return the versions of the packages that determine a build's bytes."""
    found = {}
    for name in _DETERMINE_BYTES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
