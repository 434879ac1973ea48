"""Notes for users of a set, as sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from calibset.core.documents import Sample
from calibset.dataset.token_faults import find_token_faults
from calibset.hygiene.stats import ReadStats
from calibset.pipeline.context import BuildContext
from calibset.pipeline.select import SelectedSamples
from calibset.quantizers import get_quantizer
from calibset.quantizers.token_faults import EMBEDDINGS_REMEDY, OLDER_LOADER_REMEDY
from calibset.tokenizers import find_tokenizer_file, reads_control_tokens_as_text


def write_notes(
    context: BuildContext, selected: SelectedSamples, read: Mapping[str, ReadStats]
) -> tuple[str, ...]:
    """Return the notes on a file: on its tokenizer, its chat template, its texts, terms and duplicates.

    Args:
        context: The context of the build.
        selected: The file's samples.
        read: The counts of each source's records when the last file of the build was complete.
    """
    return (
        *context.tokenizer.notes,
        *dict.fromkeys(note for stats in read.values() for note in stats.notes),
        *(note for name, stats in read.items() for note in note_losses(name, stats)),
        *_on_missing_titles(context, selected),
        *_on_unread_control_tokens(context, selected.samples),
        *_on_token_faults(context, selected.samples),
        *_on_a_full_index(selected),
    )


def note_losses(name: str, stats: ReadStats) -> Iterator[str]:
    """Say if most conversations of a source lost turns, calls or reasoning.

    Args:
        name: The source's name.
        stats: The counts of its records.
    """
    repairs, conversations = stats.repairs, stats.documents
    if 2 * repairs.incomplete > conversations:
        reasons = ", ".join(reason for reason, _ in repairs.losses.most_common(2))
        yield (
            f"{name}: {repairs.incomplete:,} of {conversations:,} conversations lost turns or calls when "
            f"they were repaired ({reasons}); repair = false rejects such conversations instead"
        )
    if 2 * repairs.unreasoned > conversations:
        yield (
            f"{name}: the model reads nothing of the reasoning of {repairs.unreasoned:,} of "
            f"{conversations:,} conversations"
        )


def _on_missing_titles(context: BuildContext, selected: SelectedSamples) -> Iterator[str]:
    for name in context.recipe.selection.terms_of:
        if not selected.stats[name].titles:
            yield f"selection.terms_of: no document of {name} has a title, so it gives no terms"


def _on_unread_control_tokens(context: BuildContext, samples: tuple[Sample, ...]) -> Iterator[str]:
    """Say how many rows a quantizer that loads the model's own tokenizer would misread."""
    recipe, tokenizer = context.recipe, context.tokenizer
    if not reads_control_tokens_as_text(find_tokenizer_file(recipe.tokenizer, recipe.folder, offline=True)):
        return
    product = get_quantizer(recipe.quantizer).info.product
    control_ids = frozenset(tokenizer.special_tokens.values())
    if affected := sum(not control_ids.isdisjoint(sample.token_ids) for sample in samples):
        yield (
            f"{affected} of {len(samples)} rows hold control tokens, which transformers reads as plain text "
            f"beside a tekken.json: give {product} what `calibset tokenizer` or `calibset export` writes"
        )


def _on_token_faults(context: BuildContext, samples: tuple[Sample, ...]) -> Iterator[str]:
    """Say what the model in the tokenizer's folder, or an older transformers, can't read as it is meant."""
    recipe, tokenizer = context.recipe, context.tokenizer
    path = find_tokenizer_file(recipe.tokenizer, recipe.folder, offline=True)
    rows = [sample.text for sample in samples]
    faults = find_token_faults(tokenizer, path and path.parent, rows, seqlen=recipe.seqlen)
    if faults.missing_embeddings is not None:
        yield f"{faults.missing_embeddings.about}; {EMBEDDINGS_REMEDY}"
    if faults.older_loader:
        yield f"{faults.older_loader}; {OLDER_LOADER_REMEDY}"


def _on_a_full_index(selected: SelectedSamples) -> Iterator[str]:
    if count := selected.not_compared:
        yield (
            f"duplicates: the index is full, and {count:,} documents did not fit in, so texts that repeat "
            "these may be in the file"
        )
