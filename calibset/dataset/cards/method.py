"""How a set was made, as a card tells it: a line for each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from calibset.dataset.cards.markdown import escaped
from calibset.dataset.cards.tables import recipe_value
from calibset.dataset.manifest import Manifest


def method_lines(manifest: Manifest) -> Iterator[str]:
    """Yield a line of Markdown for each step of a build that matters to whoever uses its file."""
    yield (
        f"Rows: {sum(source.achieved for source in manifest.sources):,}, of which "
        f"{escaped(manifest.quantizer)} keeps {manifest.kept:,} and reads {manifest.seqlen:,} tokens of each."
    )
    yield (
        f"Tokenizer: {escaped(manifest.tokenizer.name)}, SHA-256 {escaped(manifest.tokenizer.sha256)}. "
        "Every row was encoded with it and holds enough tokens."
    )
    yield from _packing(manifest)
    yield from _hygiene(manifest)
    yield from _decontamination(manifest)
    yield from _selection(manifest)
    if (other := manifest.other) is not None:
        yield f"The {escaped(other.role)} set of {other.nsamples:,} rows shares no document with this one."
    if isinstance(seed := recipe_value(manifest, "seed"), int):
        yield f"Seed: {seed}."


def hash_lines(manifest: Manifest, file: str) -> Iterator[str]:
    """Yield a line for each hash that identifies the file and what measured it."""
    yield f"{escaped(file)}: SHA-256 {escaped(manifest.sha256)}"
    if (other := manifest.other) is not None:
        yield f"its {escaped(other.role)} set: SHA-256 {escaped(other.sha256)}"
    yield f"tokenizer {escaped(manifest.tokenizer.name)}: SHA-256 {escaped(manifest.tokenizer.sha256)}"


def _packing(manifest: Manifest) -> Iterator[str]:
    said = (
        f"Packing: a row is the shortest text that still has {manifest.seqlen:,} tokens; "
        f"{manifest.waste:.2%} of the tokens are cut, {manifest.filler:.2%} of what is "
        "read is the head of a conversation that fills a row."
    )
    if manifest.turns:
        said += f" Of {manifest.turns:,} assistant turns {manifest.complete_turns:,} are read to their end."
    yield said
    chat = recipe_value(manifest, "chat", "format")
    if manifest.turns and isinstance(chat, str):
        yield f"Conversations: rendered in the target model's chat format ({escaped(chat)})."
    spelled = sum(source.control_tokens_neutralised for source in manifest.sources)
    if recipe_value(manifest, "control_tokens") == "neutralise":
        yield f"Control tokens that texts spell by accident were broken apart: {spelled:,}."


def _hygiene(manifest: Manifest) -> Iterator[str]:
    asked = recipe_value(manifest, "hygiene", "duplicates")
    if isinstance(asked, str) and asked != "keep":
        yield f"Duplicates: documents that repeat one before them were left out ({escaped(asked)})."
    yield from _counted("Left out on purpose", _summed(manifest, "filtered"))
    yield from _counted("Could not be read", _summed(manifest, "rejections"))
    yield from _counted("Mended, in documents", _summed(manifest, "repaired"))
    yield from _counted("Personal data with made-up ones in their place", _summed(manifest, "personal_data"))
    lines = sum(source.boilerplate_lines for source in manifest.sources)
    if lines:
        yield f"Boilerplate: {lines:,} lines that stand in other documents too were taken out."


def _decontamination(manifest: Manifest) -> Iterator[str]:
    if not manifest.evaluations:
        yield "Decontamination: no evaluation set was named to be kept out."
        return
    names = ", ".join(escaped(one.name) for one in manifest.evaluations)
    run = recipe_value(manifest, "decontamination", "run")
    how = f" with which they share {run} words in a row" if isinstance(run, int) else ""
    # Of the sources, since a document may hold a part of several sets.
    matched = sum(len(source.contaminated) for source in manifest.sources)
    yield f"Decontamination: documents were compared with {names}; {matched:,} were found{how}."


def _selection(manifest: Manifest) -> Iterator[str]:
    found = manifest.selection
    if found is None:
        yield "Selection: rows as the seed draws them."
        return
    yield (
        f"Selection: {escaped(found.method)}, from {found.pool:,} candidate rows. They hold "
        f"{found.distinct_tokens:,} different tokens; random choice has {found.random_mean:,.0f} "
        f"(± {found.random_sd:,.0f}), all candidates {found.pool_tokens:,}."
    )


def _summed(manifest: Manifest, name: str) -> dict[str, int]:
    total: Counter[str] = Counter()
    for source in manifest.sources:
        counts: Mapping[str, int] = getattr(source, name)
        total.update(counts)
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def _counted(what: str, counts: Mapping[str, Any]) -> Iterator[str]:
    if counts:
        yield f"{what}: {', '.join(f'{number:,} × {escaped(name)}' for name, number in counts.items())}."
