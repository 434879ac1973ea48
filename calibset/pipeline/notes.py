"""Notes for users of a set, as sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from calibset.core.documents import Sample
from calibset.dataset.token_faults import check_embeddings, find_token_faults
from calibset.hygiene.stats import ReadStats
from calibset.pipeline.context import BuildContext
from calibset.pipeline.select import SelectedSamples
from calibset.pipeline.workers import Workers
from calibset.quantizers import get_quantizer
from calibset.quantizers.token_faults import EMBEDDINGS_REMEDY, OLDER_LOADER_REMEDY
from calibset.recipe.model import Recipe
from calibset.sources.formats.question_columns import find_question_columns
from calibset.tokenizers import Tokenizer, find_tokenizer_file, reads_control_tokens_as_text
from calibset.tokenizers.base import spell_prefix
from calibset.tokenizers.chat_templates.base import CALLS_LEFT_OUT, NO_PLACE_FOR_THOUGHTS, WORDS_LEFT_OUT

FEWEST_ROWS = 4
"""The rows of a source from which on it is told how few documents they are made of."""


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
        *(
            note
            for name, stats in read.items()
            for note in note_source(context.recipe, name, stats, context.tokenizer)
        ),
        *_on_splits(context),
        *_on_few_documents(context, selected, read),
        *_on_empty_thoughts(read.values()),
        *_on_missing_titles(context, selected),
        *_on_export(context),
        *_on_cut_texts(context, selected.samples, read),
        *_on_unread_control_tokens(context, selected.samples),
        *_on_token_faults(context, selected.samples),
        *_on_a_full_index(selected),
        *_on_failed_workers(context.workers),
    )


def _on_failed_workers(workers: Workers | None) -> Iterator[str]:
    """Say if workers did not do all that they were asked to do."""
    if workers and (note := workers.note):
        yield note


def _on_splits(context: BuildContext) -> Iterator[str]:
    """Say of which sources only the training split is read, though the recipe names none."""
    for name, source in context.recipe.sources.items():
        if note := source.note_splits(context.readers[name]):
            yield f"{name}: {note}"


def _on_few_documents(
    context: BuildContext, selected: SelectedSamples, read: Mapping[str, ReadStats]
) -> Iterator[str]:
    """Say of which sources a few long documents make up the rows, while others are there."""
    for name, stats in read.items():
        rows = [sample for sample in selected.samples if sample.source == name]
        documents = {span.document for sample in rows for span in sample.documents if not span.filler}
        if len(rows) < FEWEST_ROWS or 2 * len(documents) > len(rows):
            continue
        files = len(context.recipe.sources[name].select_files(context.readers[name]))
        if (others := max(files, stats.documents)) > len(documents):
            yield describe_few_documents(name, len(rows), len(documents), others)


def describe_few_documents(name: str, rows: int, documents: int, others: int, about: str = "") -> str:
    """Return a sentence on a source of whose documents few are so long that they make up its rows."""
    return (
        f"{name}: its {rows:,} rows are made of {about}{documents:,} of {others:,} documents, which are "
        "long; more rows (nsamples, weight) take in others, and so does max_rows_per_document = 1"
    )


def note_source(recipe: Recipe, name: str, stats: ReadStats, tokenizer: Tokenizer) -> Iterator[str]:
    """Yield the notes on what was read of a source: on its columns, texts that were rendered, and losses.

    Args:
        recipe: The recipe.
        name: The source's name.
        stats: The counts of its records.
        tokenizer: The target's tokenizer.
    """
    yield from _on_rendered_texts(
        name, stats, tokenizer, keeps_control_tokens=recipe.control_tokens == "keep"
    )
    yield from _on_columns(recipe, name, stats)
    yield from _on_losses(name, stats)
    yield from _on_lost_thoughts(recipe, name, stats)


def _on_columns(recipe: Recipe, name: str, stats: ReadStats) -> Iterator[str]:
    """Say if a named column is in no row, and if texts are made of columns of questions and answers."""
    for column, count in stats.repairs.absent_columns.items():
        if count == stats.documents:
            yield f"{name}: no row that was read has the column {column!r}"
    columns = getattr(recipe.sources[name], "columns", None)  # only adapters of tables have it
    if isinstance(columns, tuple) and (found := find_question_columns(map(str, columns))):
        yield (
            f"{name}: gives texts that join {found.user!r} and {found.assistant!r}; for conversations set "
            f'columns = {{ user = "{found.user}", assistant = "{found.assistant}" }}'
        )


def _on_rendered_texts(
    name: str, stats: ReadStats, tokenizer: Tokenizer, *, keeps_control_tokens: bool
) -> Iterator[str]:
    """Say if a part of a source's texts look as if a chat template had rendered them, and what to do.

    Less than a tenth of them are no reason for a note: a crawl has pages about chat templates. If control
    tokens are kept, only the marks of other families' templates are.
    """
    own, others = Counter[str](), Counter[str]()
    for mark, count in stats.repairs.rendered.items():
        (own if mark in tokenizer.special_tokens else others)[mark] = count
    texts = stats.documents
    if 10 * own.total() >= texts and own and not keeps_control_tokens:
        yield (
            f"{name}: {own.total():,} of {texts:,} texts look as if a chat template had rendered them "
            f"({_name_marks(own)}), and their control tokens are broken apart: give their conversations with "
            'type = "chat", or set control_tokens = "keep"'
        )
    if 10 * others.total() >= texts and others:
        yield (
            f"{name}: {others.total():,} of {texts:,} texts look as if another model's chat template had "
            f"rendered them ({_name_marks(others)}), which {tokenizer.name} reads as letters: give their "
            'conversations with type = "chat"'
        )
    if doubled := stats.repairs.doubled_bos:
        yield (
            f"{name}: {doubled:,} of {texts:,} texts began with more than one {spell_prefix(tokenizer)}, and "
            "all were taken off"
        )


def _name_marks(marks: Counter[str]) -> str:
    return ", ".join(mark for mark, _ in sorted(marks.items(), key=lambda item: (-item[1], item[0]))[:2])


def _on_losses(name: str, stats: ReadStats) -> Iterator[str]:
    """Say if most conversations of a source lost turns, calls or words."""
    repairs, conversations = stats.repairs, stats.documents
    if 2 * repairs.incomplete > conversations:
        reasons = [reason for reason, _ in repairs.losses.most_common(2)]
        can_be_rejected = not {WORDS_LEFT_OUT, CALLS_LEFT_OUT}.issuperset(reasons)
        yield (
            f"{name}: {repairs.incomplete:,} of {conversations:,} conversations lost turns, calls or words "
            f"({', '.join(reasons)})"
        ) + ("; repair = false rejects those that need a repair" if can_be_rejected else "")


def _on_lost_thoughts(recipe: Recipe, name: str, stats: ReadStats) -> Iterator[str]:
    """Say if most conversations of a source lost all their reasoning, unless that is known or wanted."""
    lost, conversations = stats.repairs.unreasoned, stats.documents
    is_known = NO_PLACE_FOR_THOUGHTS in stats.notes or recipe.reasoning_of(name) == "drop"
    if 2 * lost > conversations and not is_known:
        yield f"{name}: {lost:,} of {conversations:,} conversations lost all of their reasoning"


def _on_empty_thoughts(read: Iterable[ReadStats]) -> Iterator[str]:
    if empty := sum(stats.repairs.empty_thoughts for stats in read):
        turns = "assistant turn has" if empty == 1 else "assistant turns have"
        yield f"{empty:,} {turns} an empty thought, as the chat template writes it"


def _on_missing_titles(context: BuildContext, selected: SelectedSamples) -> Iterator[str]:
    for name in context.recipe.selection.terms_of:
        if not selected.stats[name].titles:
            yield f"selection.terms_of: no document of {name} has a title, so it gives no terms"


def _on_cut_texts(
    context: BuildContext, samples: tuple[Sample, ...], read: Mapping[str, ReadStats]
) -> Iterator[str]:
    """Say how many rows begin or end inside a rendered text, if control tokens are kept."""
    if context.recipe.control_tokens != "keep":
        return
    own = context.tokenizer.special_tokens
    for name, stats in read.items():
        rendered = sum(count for mark, count in stats.repairs.rendered.items() if mark in own)
        rows = [sample for sample in samples if sample.source == name]
        cut = sum(not all(span.whole for span in sample.documents) for sample in rows)
        if cut and 10 * rendered >= stats.documents:
            yield (
                f"{name}: texts that a chat template has rendered are cut where a row ends, and their turns "
                f"are not counted: {cut:,} of {len(rows):,} rows begin or end inside one; conversations "
                'given with type = "chat" are packed whole'
            )


def _on_unread_control_tokens(context: BuildContext, samples: tuple[Sample, ...]) -> Iterator[str]:
    """Say how many rows a quantizer that loads the model's own tokenizer would misread."""
    recipe, tokenizer = context.recipe, context.tokenizer
    if not _reads_texts_with_transformers(context):
        return
    if not reads_control_tokens_as_text(find_tokenizer_file(recipe.tokenizer, recipe.folder, offline=True)):
        return
    product = get_quantizer(recipe.quantizer).info.product
    if affected := sum(not tokenizer.control_ids.isdisjoint(sample.token_ids) for sample in samples):
        yield (
            f"{affected} of {len(samples)} rows hold control tokens, which transformers reads as plain text "
            f"beside a tekken.json: give {product} what `calibset tokenizer` or `calibset export` writes"
        )


def _on_export(context: BuildContext) -> Iterator[str]:
    """Say that the quantizer isn't given the file itself, if the rows were proved in another form."""
    quantizer = get_quantizer(context.recipe.quantizer)
    if quantizer.takes_ids or ".jsonl" not in quantizer.info.reads:
        name, product = quantizer.info.name, quantizer.info.product
        yield f"{product} keeps the rows that `calibset export FILE --for {name}` writes: give it those"


def _reads_texts_with_transformers(context: BuildContext) -> bool:
    quantizer = get_quantizer(context.recipe.quantizer)
    return not (quantizer.takes_ids or quantizer.info.own_tokenizer)


def _on_token_faults(context: BuildContext, samples: tuple[Sample, ...]) -> Iterator[str]:
    """Say what the model in the tokenizer's folder, or an older transformers, can't read as it is meant."""
    recipe, tokenizer = context.recipe, context.tokenizer
    path = find_tokenizer_file(recipe.tokenizer, recipe.folder, offline=True)
    rows = [sample.text for sample in samples]
    folder, quantizer = path and path.parent, get_quantizer(recipe.quantizer)
    faults = find_token_faults(tokenizer, folder, rows, seqlen=recipe.seqlen)
    stop, note = check_embeddings(quantizer, tokenizer, folder, rows, seqlen=recipe.seqlen)
    if stop:
        yield f"{stop}; {EMBEDDINGS_REMEDY}"
    if note:
        yield note
    if faults.older_loader and _reads_texts_with_transformers(context):
        yield f"{faults.older_loader}; {OLDER_LOADER_REMEDY}"


def _on_a_full_index(selected: SelectedSamples) -> Iterator[str]:
    if count := selected.not_compared:
        yield describe_full_index(count, "may be in the file")


def describe_full_index(count: int, outcome: str) -> str:
    """Return a note that documents found no room in the index of duplicates, and what came of it."""
    return (
        f"duplicates: the index is full, and {count:,} documents did not fit in, so texts that repeat these "
        f"{outcome}"
    )
