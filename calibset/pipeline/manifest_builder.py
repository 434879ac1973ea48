"""The manifest of a build, drawn up from what was built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from calibset.core.documents import Sample
from calibset.core.locations import redact_location
from calibset.dataset.calibration_file import row_bytes
from calibset.dataset.manifest import (
    GroupReport,
    HoldoutReport,
    Manifest,
    SampleReport,
    TokenizerIdentity,
    read_versions,
)
from calibset.dataset.source_reports import EvaluationReport, SourceReport
from calibset.pipeline.evaluation_sets import EvaluationSet
from calibset.pipeline.select import Choice
from calibset.pipeline.source_stream import SourceStream
from calibset.quantizers import LoadReport
from calibset.recipe.model import Recipe
from calibset.recipe.portable import portable_recipe
from calibset.tokenizers import Tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The rows of one file.

    Attributes:
        recipe: That of the file: a holdout has rows of its own number.
        choice: By source, and what they were chosen from.
        samples: In order.
        replay: What the consumer does with them.
    """

    recipe: Recipe
    choice: Choice
    samples: tuple[Sample, ...]
    replay: LoadReport


def manifest_of(
    recipe: Recipe,
    tokenizer: Tokenizer,
    supplies: Mapping[str, SourceStream],
    evaluations: Mapping[str, EvaluationSet],
    outcome: Outcome,
    other: HoldoutReport | None = None,
) -> Manifest:
    """Return the record of a build.

    Args:
        recipe: What was asked for.
        tokenizer: What measured the rows.
        supplies: The sources as they were read.
        evaluations: The evaluation sets as they were read.
        outcome: The rows.
        other: The file that shares no document with them, if there is one.
    """
    quotas = outcome.recipe.mixture.quotas()
    choice, samples, replay = outcome.choice, outcome.samples, outcome.replay
    sources = tuple(_source(supply, choice, quotas[name]) for name, supply in supplies.items())
    read = sum(source.tokens_read for source in sources)
    return Manifest(
        name=recipe.name,
        recipe=portable_recipe(recipe),
        versions=read_versions(),
        tokenizer=TokenizerIdentity(name=redact_location(tokenizer.name), sha256=tokenizer.fingerprint),
        quantizer=replay.quantizer,
        nsamples=outcome.recipe.nsamples,
        seqlen=recipe.seqlen,
        kept=replay.kept,
        waste=round(1 - read / sum(source.tokens for source in sources), 6),
        filler=round(sum(sample.filler_tokens for sample in samples) / read, 6),
        turns=sum(sample.turns for sample in samples),
        complete_turns=sum(sample.complete_turns for sample in samples),
        groups=_groups(recipe, sources),
        sources=sources,
        evaluations=tuple(_evaluation(recipe, name, one, sources) for name, one in evaluations.items()),
        selection=choice.report,
        other=other,
        samples=tuple(
            SampleReport(source=sample.source, tokens=len(sample.token_ids), documents=sample.documents)
            for sample in samples
        ),
        sha256=sha256(row_bytes(samples)).hexdigest(),
    )


def _source(supply: SourceStream, choice: Choice, asked: int) -> SourceReport:
    tally, rows = supply.tally, choice.gathered.rows[supply.name]
    mended = tally.mended
    shown = {span.document for sample in rows for span in sample.documents}
    return SourceReport(
        name=supply.name,
        group=supply.source.group,
        type=supply.source.type,
        location=redact_location(supply.reader.location),
        revision=supply.reader.revision,
        licence=supply.source.licence,
        # Of a source that nothing was asked of not even a listing need be there, offline.
        from_beginning=tally.documents > 0 and supply.source.is_streamed(supply.reader),
        asked=asked,
        pool=choice.pool[supply.name],
        achieved=len(rows),
        repeated=choice.gathered.repeated.get(supply.name, 0),
        tokens=sum(len(sample.token_ids) for sample in rows),
        tokens_read=sum(min(len(sample.token_ids), supply.rule.text_budget) for sample in rows),
        documents_read=tally.documents,
        documents_used=len(shown),
        document_lengths=dict(sorted(tally.lengths.items())),
        rejections=_by_count(tally.rejections),
        filtered=_by_count(tally.filtered),
        control_tokens_neutralised=mended.control_tokens,
        blanks_shortened=mended.shortened,
        conversations_shortened=mended.cut_conversations,
        repaired=_by_count(mended.repaired),
        boilerplate_lines=mended.boilerplate,
        personal_data=_by_count(mended.masked),
        duplicates=tuple(
            replace(duplicate, similarity=round(duplicate.similarity, 4)) for duplicate in tally.duplicates
        ),
        contaminated=tuple(
            replace(match, containment=round(match.containment, 4)) for match in tally.contaminated
        ),
        tool_names={name: dict(tally.renamed[name]) for name in sorted(shown & tally.renamed.keys())},
    )


def _evaluation(
    recipe: Recipe, name: str, found: EvaluationSet, sources: Iterable[SourceReport]
) -> EvaluationReport:
    source = recipe.exclude[name]
    return EvaluationReport(
        name=name,
        type=source.type,
        location=redact_location(found.reader.location),
        revision=found.reader.revision,
        licence=source.licence,
        documents=found.documents,
        words=found.words,
        too_short=found.too_short,
        rejections=_by_count(found.unread.rejections),
        filtered=_by_count(found.unread.filtered),
        matched=sum(
            name in (match.exclude, *match.others) for source in sources for match in source.contaminated
        ),
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


def _by_count(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
