"""A Hugging Face dataset card of a calibration file: the README of its repository."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from calibset.cards.composition import (
    evaluation_table,
    group_table,
    licences_used,
    of_recipe,
    source_table,
)
from calibset.cards.front_matter import front_matter, languages_of
from calibset.cards.licences import combined
from calibset.cards.markdown import escaped, fenced, table
from calibset.cards.method import hash_lines, method_lines
from calibset.cards.obligations import NO_ADVICE, obligation_lines
from calibset.manifest import Manifest

__all__ = ["Beside", "dataset_card", "rebuilding", "version_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The files that a card speaks of, by their names in its folder or repository.

    Attributes:
        file: The calibration file.
        manifest: Its manifest.
        holdout: The other set's file, if it is there.
        recipe: The recipe, if it is there.
        lock: The recipe's lock, if it is there.
    """

    file: str
    manifest: str
    holdout: str | None = None
    recipe: str | None = None
    lock: str | None = None


def dataset_card(
    manifest: Manifest,
    beside: Beside,
    *,
    holdout: Manifest | None = None,
    languages: Sequence[str] | None = None,
    repo_id: str | None = None,
) -> str:
    """Return the text of a README.md with its YAML block.

    Args:
        manifest: The calibration file's.
        beside: The files that stand beside the card.
        holdout: The manifest of the holdout, where its file stands beside the card.
        languages: ISO 639 codes of the texts; those that the recipe keeps if None.
        repo_id: ``OWNER/NAME`` on the hub that the card is for, where that is known.
    """
    manifests = [manifest] if holdout is None else [manifest, holdout]
    found = combined(licences_used(*manifests))
    files = {"train": beside.file} | ({"test": beside.holdout} if beside.holdout else {})
    head = front_matter(
        manifest,
        found,
        files,
        rows=sum(len(one.samples) for one in manifests),
        languages=languages_of(manifest) if languages is None else languages,
        repo_id=repo_id,
    )
    parts = [
        head,
        f"# {escaped(manifest.name)}",
        *_about(manifest),
        "## Sources",
        source_table(manifest),
        "Shares of the domains:",
        group_table(manifest),
        "## How it was made",
        _listed(method_lines(manifest)),
        *([evaluation_table(manifest)] if manifest.evaluations else []),
        "## Licences",
        _listed(obligation_lines(found)),
        f"ATTRIBUTION.md names each source, its licence and what was changed. {NO_ADVICE}",
        "## Using it",
        *_using(manifest, beside),
        "## Building it again",
        *rebuilding(beside),
        "## Hashes and versions",
        _listed(hash_lines(manifest, beside.file)),
        version_table(manifest),
    ]
    return "\n\n".join(parts) + "\n"


def rebuilding(beside: Beside) -> Iterator[str]:
    """Yield paragraphs that say how the same bytes are built once more."""
    if beside.recipe is None:
        yield (
            f"The recipe stands in {escaped(beside.manifest)} under `recipe`, every default spelled out. "
            "With the same recipe, revisions, versions and seed calibset builds the same bytes."
        )
        return
    recipe = shlex.quote(beside.recipe)
    if beside.lock is None:
        yield "Built from the same revisions with the same versions the bytes are the same:"
        yield fenced(f"calibset build {recipe} --out {shlex.quote(beside.file)}", "console")
        return
    yield f"{escaped(beside.lock)} stands beside the recipe; a build fails unless all is as it says:"
    yield fenced(f"calibset build {recipe} --locked --out {shlex.quote(beside.file)}", "console")


def version_table(manifest: Manifest) -> str:
    """Return the versions of the packages that determine the bytes."""
    rows = [[escaped(name), escaped(version)] for name, version in manifest.versions.items()]
    return table(("package", "version"), rows)


def _about(manifest: Manifest) -> Iterator[str]:
    yield (
        f"{len(manifest.samples):,} rows of {manifest.seqlen:,} tokens that calibrate a language model's "
        "quantization (GPTQ, AWQ, AutoRound). It is no training set."
    )
    description = of_recipe(manifest, "description")
    if isinstance(description, str) and description.strip():
        yield f"What for: {escaped(description)}"


def _using(manifest: Manifest, beside: Beside) -> Iterator[str]:
    file = shlex.quote(beside.file)
    yield "Each line is an object: `text` is the row, `source` where it is from, `tokens` how many it has."
    yield fenced(f"calibset verify {file}    # which rows the quantizer keeps", "console")
    yield (
        f"Give the quantizer `nsamples` {manifest.nsamples} and `seqlen` {manifest.seqlen}, and a tokenizer "
        "that parses control tokens in text."
    )


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
