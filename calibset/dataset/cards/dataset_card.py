"""A Hugging Face dataset card of a calibration file: the README of its repository."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from calibset.core.errors import OutputError
from calibset.dataset.cards.attribution import attribution
from calibset.dataset.cards.front_matter import front_matter, languages_of
from calibset.dataset.cards.licence_summary import (
    NO_ADVICE,
    Combined,
    combined,
    obligation_lines,
)
from calibset.dataset.cards.markdown import escaped, fenced, table
from calibset.dataset.cards.method import hash_lines, method_lines
from calibset.dataset.cards.overwrite import WRITTEN
from calibset.dataset.cards.tables import (
    evaluation_table,
    group_table,
    licences_used,
    recipe_value,
    source_table,
)
from calibset.dataset.manifest import Manifest

# What stands for the bytes of a name that are not UTF-8.
_LONE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFiles:
    """The files that a card speaks of, by their names in its folder or repository.

    Attributes:
        file: The calibration file.
        manifest: Its manifest.
        holdout: The other set's file, if it is there.
        recipe: The recipe, if it is there.
        lock: The recipe's lock, if it is there.

    Raises:
        OutputError: One of the names is not Unicode.
    """

    file: str
    manifest: str
    holdout: str | None = None
    recipe: str | None = None
    lock: str | None = None

    def __post_init__(self) -> None:
        for name in (self.file, self.manifest, self.holdout, self.recipe, self.lock):
            if name is not None and _LONE.search(name):
                raise OutputError(f"{name}: its name is not UTF-8, so that no card can name it; rename it")


def dataset_card(
    manifest: Manifest,
    beside: CardFiles,
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
    head = front_matter(
        manifest,
        found,
        {"test" if manifest.is_holdout else "train": beside.file}
        | ({"test": beside.holdout} if beside.holdout else {}),
        rows=sum(len(one.samples) for one in manifests),
        languages=languages_of(manifest) if languages is None else languages,
        repo_id=repo_id,
    )
    parts = [head, *_about(manifest), *_made_of(manifest, beside, holdout), *_terms(found)]
    parts += [*_using(manifest, beside), *_rebuilding(manifest, beside), *_identified(manifest, beside)]
    parts.append(WRITTEN)
    return "\n\n".join(parts) + "\n"


def version_table(manifest: Manifest) -> str:
    """Return the versions of the packages that determine the bytes."""
    rows = [[escaped(name), escaped(version)] for name, version in manifest.versions.items()]
    return table(("package", "version"), rows)


def _about(manifest: Manifest) -> Iterator[str]:
    yield f"# {escaped(manifest.name)}"
    what_for = "that calibrate a language model's quantization (GPTQ, AWQ, AutoRound)"
    if manifest.is_holdout:
        what_for = "to measure a quantized language model with, held out of what calibrates it"
    yield f"{len(manifest.samples):,} rows of {manifest.seqlen:,} tokens {what_for}. It is no training set."
    description = recipe_value(manifest, "description")
    if isinstance(description, str) and description.strip():
        yield f"What for: {escaped(description)}"


def _made_of(manifest: Manifest, beside: CardFiles, holdout: Manifest | None) -> Iterator[str]:
    yield "## Sources"
    yield source_table(manifest)
    yield "Shares of the domains:"
    yield group_table(manifest)
    if holdout is not None and beside.holdout is not None:
        yield (
            f"These are the rows of {escaped(beside.file)}; {escaped(beside.holdout)} has "
            f"{len(holdout.samples):,} more, of the same mixture."
        )
    yield "## How it was made"
    yield _listed(method_lines(manifest))
    if manifest.evaluations:
        yield evaluation_table(manifest)


def _terms(found: Combined) -> Iterator[str]:
    yield "## Licences"
    yield _listed(obligation_lines(found))
    yield f"ATTRIBUTION.md names each source, its licence and what was changed. {NO_ADVICE}"


def _rebuilding(manifest: Manifest, beside: CardFiles) -> Iterator[str]:
    """Yield the section that says how the same bytes are built once more."""
    yield "## Building it again"
    if beside.recipe is None:
        yield (
            f"The recipe stands in {escaped(beside.manifest)} under `recipe`, every default spelled out. "
            "With the same recipe, revisions, versions and seed calibset builds the same bytes."
        )
        return
    recipe = shlex.quote(beside.recipe)
    # A holdout is written beside the file that it is held out of.
    out = "" if manifest.is_holdout else f" --out {shlex.quote(beside.file)}"
    if beside.lock is None:
        yield "Built from the same revisions with the same versions the bytes are the same:"
        yield fenced(f"calibset build {recipe}{out}", "console")
        return
    yield f"{escaped(beside.lock)} stands beside the recipe; a build fails unless all is as it says:"
    yield fenced(f"calibset build {recipe} --locked{out}", "console")


def _identified(manifest: Manifest, beside: CardFiles) -> Iterator[str]:
    yield "## Hashes and versions"
    yield _listed(hash_lines(manifest, beside.file))
    yield version_table(manifest)


def _using(manifest: Manifest, beside: CardFiles) -> Iterator[str]:
    yield "## Using it"
    file = shlex.quote(beside.file)
    yield "Each line is an object: `text` is the row, `source` where it is from, `tokens` how many it has."
    yield fenced(f"calibset verify {file}    # which rows the quantizer keeps", "console")
    if manifest.is_holdout:
        return
    yield (
        f"Give the quantizer `nsamples` {manifest.nsamples} and `seqlen` {manifest.seqlen}, and a tokenizer "
        "that parses control tokens in text."
    )


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def card_files(
    manifest: Manifest, beside: CardFiles, *, holdout: Manifest | None = None, repo_id: str | None = None
) -> dict[str, bytes]:
    """Return the card and the attribution of a calibration file by the names that they have beside it.

    Args:
        manifest: The file's.
        beside: What stands beside them.
        holdout: The manifest of the holdout, where its file stands there too.
        repo_id: ``OWNER/NAME`` on the hub that they are for, where that is known.
    """
    card = dataset_card(manifest, beside, holdout=holdout, repo_id=repo_id)
    return {
        "README.md": card.encode("utf-8"),
        "ATTRIBUTION.md": attribution(manifest, holdout=holdout).encode("utf-8"),
    }
