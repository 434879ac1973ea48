"""The manifest of a file, put together from what was built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from calibset.core.locations import redact_location
from calibset.dataset.calibration_file import rows_sha256
from calibset.dataset.manifest import (
    GroupReport,
    HoldoutReport,
    Manifest,
    SampleReport,
    TokenizerIdentity,
    read_versions,
)
from calibset.dataset.source_reports import EvaluationReport, SourceReport
from calibset.hygiene.stats import list_commonest
from calibset.pipeline.context import BuildContext
from calibset.pipeline.kept_evaluations import EvaluationSet
from calibset.pipeline.select import SelectedSamples
from calibset.quantizers import LoadReport
from calibset.recipe.model import Recipe
from calibset.recipe.portable import portable_recipe
from calibset.tokenizers.truncation import text_budget

# Some reasons name keys of the corpus, so that there may be any number of them.
_MOST_REASONS = 100


def build_manifest(
    context: BuildContext, selected: SelectedSamples, report: LoadReport, other: HoldoutReport | None = None
) -> Manifest:
    """Return the manifest of a file.

    Args:
        context: The context of the build.
        selected: The file's samples.
        report: What the quantizer does with the samples.
        other: The other file of the build, which shares no document with this one.
    """
    recipe, samples = context.recipe, selected.samples
    sources = tuple(_source_report(context, name, selected) for name in recipe.sources)
    read = sum(source.tokens_read for source in sources)
    return Manifest(
        name=recipe.name,
        recipe=portable_recipe(recipe),
        versions=read_versions(),
        tokenizer=TokenizerIdentity(
            name=redact_location(context.tokenizer.name), sha256=context.tokenizer.fingerprint
        ),
        quantizer=report.quantizer,
        nsamples=len(samples),
        seqlen=recipe.seqlen,
        kept=report.kept,
        waste=round(1 - read / sum(source.tokens for source in sources), 6),
        filler=round(sum(sample.filler_tokens for sample in samples) / read, 6),
        turns=sum(sample.turns for sample in samples),
        complete_turns=sum(sample.complete_turns for sample in samples),
        groups=_group_reports(recipe, sources),
        sources=sources,
        evaluations=tuple(
            _evaluation_report(recipe, name, evaluation, sources)
            for name, evaluation in context.evaluations.items()
        ),
        selection=selected.coverage,
        other=other,
        samples=tuple(
            SampleReport(source=sample.source, tokens=sample.tokens, documents=sample.documents)
            for sample in samples
        ),
        sha256=rows_sha256(samples),
        not_compared=selected.not_compared,
    )


def _source_report(context: BuildContext, name: str, selected: SelectedSamples) -> SourceReport:
    source, reader = context.recipe.sources[name], context.readers[name]
    stats, left_out = selected.stats[name], selected.left_out[name]
    repairs, chosen = stats.repairs, context.chosen.get(name)
    samples = [sample for sample in selected.samples if sample.source == name]
    used = {span.document for sample in samples for span in sample.documents}
    budget = text_budget(context.tokenizer, context.recipe.seqlen)
    return SourceReport(
        name=name,
        group=source.group,
        type=source.type,
        location=redact_location(reader.location),
        revision=reader.revision,
        licence=source.licence,
        gives=stats.gives or source.gives,
        # A source that nothing was asked of need not even have a listing, offline.
        from_beginning=stats.documents > 0 and not chosen and source.is_streamed(reader),
        asked=selected.quotas[name],
        pool=selected.pool[name],
        achieved=len(samples),
        repeated=selected.repeated.get(name, 0),
        tokens=sum(sample.tokens for sample in samples),
        tokens_read=sum(min(sample.tokens, budget) for sample in samples),
        documents_read=stats.documents,
        documents_used=len(used),
        document_lengths=dict(sorted(stats.lengths.items())),
        rejections=_by_count(left_out.rejections),
        filtered=_by_count(left_out.filtered),
        control_tokens_neutralised=repairs.control_tokens,
        leading_bos_removed=repairs.leading_bos,
        rendered_texts=_by_count(repairs.rendered),
        blanks_shortened=repairs.shortened,
        conversations_shortened=repairs.cut_conversations,
        conversations_repaired=list_commonest(repairs.conversations, _MOST_REASONS),
        conversations_incomplete=repairs.incomplete,
        thoughts_dropped=repairs.dropped_thoughts,
        repaired=_by_count(repairs.repaired),
        boilerplate_lines=repairs.boilerplate,
        personal_data=_by_count(repairs.masked),
        duplicates=tuple(
            replace(duplicate, similarity=round(duplicate.similarity, 4)) for duplicate in stats.duplicates
        ),
        contaminated=tuple(
            replace(match, containment=round(match.containment, 4)) for match in stats.contaminated
        ),
        tool_names={
            name: dict(stats.renamed_tools[name]) for name in sorted(used & stats.renamed_tools.keys())
        },
        scores=chosen.report if chosen else None,
    )


def _evaluation_report(
    recipe: Recipe, name: str, evaluation: EvaluationSet, sources: Iterable[SourceReport]
) -> EvaluationReport:
    source = recipe.exclude[name]
    return EvaluationReport(
        name=name,
        type=source.type,
        location=redact_location(evaluation.reader.location),
        revision=evaluation.reader.revision,
        licence=source.licence,
        documents=evaluation.documents,
        words=evaluation.words,
        too_short=evaluation.too_short,
        rejections=_by_count(evaluation.left_out.rejections),
        filtered=_by_count(evaluation.left_out.filtered),
        matched=sum(
            name in (match.exclude, *match.others) for source in sources for match in source.contaminated
        ),
    )


def _group_reports(recipe: Recipe, sources: tuple[SourceReport, ...]) -> tuple[GroupReport, ...]:
    return tuple(
        GroupReport(
            name=group,
            share=recipe.groups.get(group),
            asked=sum(source.asked for source in sources if source.group == group),
            achieved=sum(source.achieved for source in sources if source.group == group),
            tokens=sum(source.tokens_read for source in sources if source.group == group),
        )
        for group in recipe.mixture.weights
    )


def _by_count(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
