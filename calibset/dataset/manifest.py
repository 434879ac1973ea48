"""The manifest of a calibration file: what went in, what came out, and why records were left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from calibset.core.documents import Span
from calibset.core.errors import OutputError
from calibset.core.fields import MAX_NUMBER, Count, JsonObject, PositiveCount, Share
from calibset.core.quantizer_names import DEFAULT_QUANTIZER
from calibset.core.short_forms import count, write_line, write_table
from calibset.core.text import printable, printable_json
from calibset.core.validation_errors import describe_error, quote_value
from calibset.dataset.source_reports import EvaluationReport, Frozen, SourceReport, disagrees
from calibset.selection.coverage_report import CoverageReport
from calibset.sources.sampling.interleave import ORDER

# Packages whose version may change which bytes a build writes.
_DETERMINE_BYTES = (
    "calibset", "datasets", "ftfy", "jinja2", "mistral-common", "numpy", "openpyxl", "phonenumberslite",
    "py3langid", "pyarrow", "python-stdnum", "rdflib", "rensa", "tiktoken", "tokenizers", "transformers",
)  # fmt: skip


class TokenizerIdentity(Frozen):
    """The tokenizer that measured the rows."""

    name: str
    sha256: str


class GroupReport(Frozen):
    """A group: the samples asked of it, the samples it gave, and the tokens read of them."""

    name: str
    share: Share | None
    asked: Count
    achieved: Count
    tokens: Count


class HoldoutReport(Frozen):
    """The other file of a build; its ``role`` is ``holdout`` or ``calibration``."""

    role: Literal["holdout", "calibration"]
    nsamples: Count
    sha256: str


class SampleReport(Frozen):
    """A row of the file, with the span of each document in its text."""

    source: str
    tokens: Count
    documents: tuple[Span, ...]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        end = 0
        for span in self.documents:
            if not 0 <= span.start <= span.end <= MAX_NUMBER:
                raise disagrees(f"{quote_value(span.document)} can't reach from {span.start} to {span.end}")
            if span.start < end:
                raise disagrees(f"{quote_value(span.document)} begins at {span.start}, in the one before it")
            end = span.end
        return self


class RepackedFile(Frozen):
    """A file of rows whose texts were packed anew."""

    name: str
    sha256: str


class Manifest(Frozen):
    """The record of a build, which is written beside its calibration file.

    Attributes:
        recipe: The recipe with every default written out, without paths that only one machine has.
        versions: The versions of the packages that determine the bytes.
        tokenizer: The tokenizer that measured the rows.
        quantizer: The quantizer and the versions whose loader was simulated.
        kept: How many rows this loader keeps.
        waste: The share of the rows' tokens that the quantizer cuts, 0 to 1.
        filler: The share of the tokens read that belong to fillers, 0 to 1.
        turns: How many assistant turns begin in the rows.
        complete_turns: How many of these turns the quantizer reads to their end.
        evaluations: The evaluation sets whose texts were kept out.
        selection: What the rows cover, if they were selected by coverage.
        other: The file that shares no document with this one, if there is one.
        samples: The rows, in the order of the file.
        sha256: The SHA-256 of the file.
        not_compared: How many documents did not fit into the index of duplicates, so that the file may
            hold texts that repeat them; written only if there are any.
        repacked: The files whose texts `calibset repack` packed anew; written only if there are any.
    """

    format: Literal[1] = 1
    name: str
    recipe: JsonObject
    versions: Mapping[str, str]
    tokenizer: TokenizerIdentity
    quantizer: str
    nsamples: Count
    seqlen: PositiveCount
    kept: Count
    waste: Share
    filler: Share
    turns: Count
    complete_turns: Count
    groups: tuple[GroupReport, ...]
    sources: tuple[SourceReport, ...]
    evaluations: tuple[EvaluationReport, ...]
    selection: CoverageReport | None
    other: HoldoutReport | None
    samples: tuple[SampleReport, ...]
    sha256: str
    not_compared: Count = Field(0, exclude_if=lambda count: count == 0)
    repacked: tuple[RepackedFile, ...] = Field((), exclude_if=lambda files: not files)

    def __repr__(self) -> str:
        size = f"{count(self.nsamples, 'row')} of {self.seqlen:,} tokens"
        kept = f"{self.quantizer} keeps {self.kept:,}"
        return write_line("Manifest", self.name, size, count(len(self.sources), "source"), kept)

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return write_table(
            f"{self.name}: {self.nsamples:,} rows of {self.seqlen:,} tokens; {self.quantizer} keeps "
            f"{self.kept:,}; sha256 {self.sha256[:16]}…",
            ("source", "group", "gives", "location", "licence", "asked", "rows", "tokens"),
            (
                (one.name, one.group, one.gives, one.location, one.licence, one.asked, one.achieved,
                 one.tokens_read)
                for one in self.sources
            ),
        )  # fmt: skip

    @classmethod
    def read(cls, path: str | Path) -> Self | None:
        """Return the manifest beside a calibration file, or at its own path; None if there is none.

        Args:
            path: A calibration file, or ``x.manifest.json``.

        Raises:
            OutputError: There is a manifest, but it can't be read or contradicts itself.
        """
        path = Path(path)
        if not path.name.endswith(".manifest.json"):
            path = manifest_path(path)
        if not os.path.isfile(path):  # noqa: PTH113  (Path's raises where a folder may not be entered)
            return None
        try:
            manifest = cls.model_validate_json(path.read_bytes(), strict=True)
        except ValidationError as error:
            raise _unreadable(path, _describe_first(error)) from error
        except OSError as error:
            raise _unreadable(path) from error
        if disagreement := next(_disagreements(manifest), None):
            raise _unreadable(path, disagreement)
        return manifest

    @property
    def quantizer_name(self) -> str:
        """The name of the recipe's quantizer."""
        return str(self.recipe.get("quantizer", DEFAULT_QUANTIZER))

    @property
    def is_holdout(self) -> bool:
        """Whether this is the manifest of a holdout."""
        return self.other is not None and self.other.role == "calibration"

    @property
    def has_holdout(self) -> bool:
        """Whether a holdout was built with the file."""
        return self.other is not None and self.other.role == "holdout"

    def to_json(self) -> str:
        """Return the manifest as JSON text, the same bytes for the same build."""
        return printable_json(self.model_dump_json(indent=1)) + "\n"


def _disagreements(manifest: Manifest) -> Iterator[str]:
    count, own = len(manifest.samples), Counter(sample.source for sample in manifest.samples)
    if count != manifest.nsamples:
        yield f"samples are {count:,}, and nsamples {manifest.nsamples:,}"
    if manifest.kept > manifest.nsamples:
        yield "kept is more than nsamples"
    if manifest.complete_turns > manifest.turns:
        yield "complete_turns is more than turns"
    groups = Counter(group.name for group in manifest.groups)
    sources = Counter(source.name for source in manifest.sources)
    for kind, names in (("groups", groups), ("sources", sources)):
        yield from (f"{kind}: {quote_value(name)} is there {n} times" for name, n in names.items() if n > 1)
    for source in manifest.sources:
        if source.group not in groups:
            group = quote_value(source.group)
            yield f"sources: {quote_value(source.name)} is of group {group}, which is not in groups"
        if source.achieved != own[source.name]:
            achieved = f"{source.achieved:,}, and samples say {own[source.name]:,}"
            yield f"sources: {quote_value(source.name)} achieved {achieved}"
    if unknown := own.keys() - sources.keys():
        yield f"samples: {quote_value(min(unknown))} is not in sources"


def manifest_path(file: Path) -> Path:
    """Return the path of a calibration file's manifest: ``x.manifest.json`` for ``x.jsonl``."""
    return file.parent / f"{file.stem}.manifest.json"


def _unreadable(path: Path, fault: str | None = None) -> OutputError:
    reason = f" ({printable(fault)})" if fault else ""
    return OutputError(f"{path}: is not a manifest of this version of calibset{reason}; build the file again")


def _describe_first(error: ValidationError) -> str | None:
    detail = error.errors(include_url=False)[0]
    if detail["type"] == "json_invalid":
        return None
    return describe_error(detail, (), Manifest).removeprefix(": ")


def read_versions() -> dict[str, str]:
    """Return the versions of the packages that determine a build's bytes, and of the order of reading."""
    return {"order of reading": ORDER} | {name: _read_version(name) for name in _DETERMINE_BYTES}


@cache
def _read_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
