"""The manifest and the lock of a build, drawn up from what was built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from calibset.calibration_set import row_bytes
from calibset.consumers import Replay
from calibset.document import Sample
from calibset.errors import SourceError
from calibset.lockfile import Lock, LockedFile, LockedSource
from calibset.manifest import (
    GroupReport,
    Manifest,
    SampleReport,
    SourceReport,
    SpanReport,
    TokenizerReport,
    versions,
)
from calibset.recipe import Recipe
from calibset.storage import FileRead, Watched
from calibset.storage.extents import Extent
from calibset.storage.location import portable
from calibset.supply import Supply
from calibset.tokenizers import Tokenizer

__all__ = ["lock_of", "manifest_of", "portable_recipe"]


def manifest_of(
    recipe: Recipe,
    tokenizer: Tokenizer,
    supplies: Mapping[str, Supply],
    samples: tuple[Sample, ...],
    repeated: Mapping[str, int],
    replay: Replay,
) -> Manifest:
    """Return the record of a build.

    Args:
        recipe: What was asked for.
        tokenizer: What measured the rows.
        supplies: The sources as they were read.
        samples: The rows in order.
        repeated: How many of each source's rows are repeats.
        replay: What the consumer does with them.
    """
    quotas = recipe.mixture.quotas()
    rows: dict[str, list[Sample]] = {name: [] for name in supplies}
    for sample in samples:
        rows[sample.source].append(sample)
    sources = tuple(
        _source(supply, rows[name], quotas[name], repeated.get(name, 0)) for name, supply in supplies.items()
    )
    read = sum(source.tokens_read for source in sources)
    return Manifest(
        name=recipe.name,
        recipe=portable_recipe(recipe),
        versions=versions(),
        tokenizer=TokenizerReport(name=portable(tokenizer.name), sha256=tokenizer.fingerprint),
        consumer=replay.consumer,
        nsamples=recipe.nsamples,
        seqlen=recipe.seqlen,
        kept=replay.kept,
        waste=round(replay.waste, 6),
        filler=round(sum(sample.filler_tokens for sample in samples) / read, 6),
        turns=sum(sample.turns for sample in samples),
        complete_turns=sum(sample.complete_turns for sample in samples),
        groups=_groups(recipe, sources),
        sources=sources,
        samples=tuple(_sample(sample) for sample in samples),
        sha256=sha256(row_bytes(samples)).hexdigest(),
    )


def lock_of(manifest: Manifest, readers: Mapping[str, Watched], known: Lock | None) -> Lock:
    """Return the lock of a build.

    Args:
        manifest: Its record.
        readers: What its sources were read through, by name.
        known: An earlier lock. Where it is of the same recipe, the bytes that it speaks of are
            hashed, because other versions of a library may read a few more or less of a file.

    Raises:
        SourceError: What was read can't be read once more.
    """
    known_sources = known.sources if known and known.recipe == manifest.recipe else {}
    sources = {}
    for source in manifest.sources:
        earlier = known_sources[source.name].files if source.name in known_sources else {}
        try:
            files = _locked_files(readers[source.name], earlier)
        except SourceError as error:
            raise SourceError(f"sources.{source.name}: {error}") from error
        sources[source.name] = LockedSource(
            place=source.place,
            revision=source.revision,
            files=files,
        )
    return Lock(
        name=manifest.name,
        recipe=manifest.recipe,
        versions=manifest.versions,
        tokenizer=manifest.tokenizer,
        sources=sources,
        sha256=manifest.sha256,
    )


def _locked_files(reader: Watched, earlier: Mapping[str, LockedFile]) -> dict[str, LockedFile]:
    extents = {name: file.extents for name, file in earlier.items()}
    files = {}
    for read in _reads(reader, extents):
        size = read.size
        if read.name in earlier and None in (size, earlier[read.name].size):
            # Of some servers' files the size is known only after they were read once.
            size = earlier[read.name].size
        files[read.name] = LockedFile(size=size, extents=read.extents, sha256=read.sha256)
    return files


def _reads(reader: Watched, extents: Mapping[str, tuple[Extent, ...]]) -> Iterable[FileRead]:
    try:
        return list(reader.read(extents))
    except SourceError:
        # The bytes that an earlier lock speaks of need not be in the cache, offline say.
        return reader.read()


def _source(supply: Supply, rows: list[Sample], asked: int, repeated: int) -> SourceReport:
    tally = supply.tally
    shown = {span.document for sample in rows for span in sample.documents}
    used = {span.document for sample in rows for span in sample.documents if not span.filler}
    return SourceReport(
        name=supply.name,
        group=supply.source.group,
        type=supply.source.type,
        place=portable(supply.reader.place),
        revision=supply.reader.revision,
        licence=supply.source.licence,
        # Of a source that nothing was asked of not even a listing need be there, offline.
        from_beginning=tally.documents > 0 and supply.source.from_beginning(supply.reader),
        asked=asked,
        achieved=len(rows),
        repeated=repeated,
        tokens=sum(len(sample.token_ids) for sample in rows),
        tokens_read=sum(min(len(sample.token_ids), supply.rule.read) for sample in rows),
        documents_read=tally.documents,
        documents_used=len(used),
        rejections=_by_count(tally.rejections),
        set_aside=_by_count(tally.set_aside),
        control_tokens_neutralised=tally.control_tokens,
        blanks_shortened=tally.shortened,
        conversations_shortened=tally.cut_conversations,
        tool_names={name: dict(tally.renamed[name]) for name in sorted(shown & tally.renamed.keys())},
    )


def _groups(recipe: Recipe, sources: tuple[SourceReport, ...]) -> tuple[GroupReport, ...]:
    return tuple(
        GroupReport(
            name=group,
            share=recipe.groups.get(group),
            asked=sum(s.asked for s in sources if s.group == group),
            achieved=sum(s.achieved for s in sources if s.group == group),
            tokens=sum(s.tokens_read for s in sources if s.group == group),
        )
        for group in recipe.mixture.weights
    )


def _sample(sample: Sample) -> SampleReport:
    spans = tuple(
        SpanReport(document=s.document, start=s.start, end=s.end, whole=s.whole, filler=s.filler)
        for s in sample.documents
    )
    return SampleReport(source=sample.source, tokens=len(sample.token_ids), documents=spans)


def portable_recipe(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as data, local absolute paths reduced to their last part."""
    data = recipe.model_dump(mode="json", exclude_defaults=False)
    data["tokenizer"] = portable(recipe.tokenizer)
    data["output"] = None if recipe.output is None else portable(recipe.output)
    for source in data["sources"].values():
        source["where"] = [portable(place) for place in source["where"]]
    return data


def _by_count(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
