"""Which of the sources' rows make the set, and what they cover."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from calibset.core.documents import Sample
from calibset.core.timing import timed
from calibset.hygiene.words import words
from calibset.pipeline.gathering import Gathered, Progress, labelled_progress, repeating, taken
from calibset.pipeline.source_stream import SourceStream
from calibset.recipe.model import Recipe
from calibset.selection.coverage import Candidate, select_by_coverage
from calibset.selection.coverage_report import CoverageReport, coverage_report
from calibset.tokenizers import Tokenizer
from calibset.tokenizers.truncation import text_budget, visible_ids


@dataclass(frozen=True, slots=True)
class Choice:
    """The rows chosen.

    Attributes:
        gathered: By source.
        pool: How many rows of each source they were chosen from.
        report: What they cover; None for rows that the seed alone chose.
        terms: The terms that had to be covered, by the number that the report has.
    """

    gathered: Gathered
    pool: Mapping[str, int]
    report: CoverageReport | None = None
    terms: tuple[str, ...] = ()


def chosen(
    recipe: Recipe,
    supplies: Mapping[str, SourceStream],
    found: Gathered,
    tokenizer: Tokenizer,
    seconds: dict[str, float],
    progress: Progress | None,
) -> Choice:
    """Return the rows of a set: those gathered first, or those of a larger pool that cover most.

    Args:
        recipe: How to choose.
        supplies: Give further candidates.
        found: As many rows of each source as the set has.
        tokenizer: Has the control tokens.
        seconds: Is told what the choice takes.
        progress: Is told how far each source has come.

    Raises:
        SourceError: A source can't be read.
    """
    counts = found.counts()
    if recipe.selection.method == "random":
        return Choice(found, counts)
    for name, count in counts.items():
        if count:
            taken(
                supplies[name],
                count * recipe.selection.pool - count,
                labelled_progress(progress, "candidates"),
            )
    with timed("selection", seconds):
        pool = [sample for name, count in counts.items() if count for sample in supplies[name].samples]
        reads = [visible_ids(sample.token_ids, tokenizer, recipe.seqlen) for sample in pool]
        terms = _terms(reads, recipe, supplies, tokenizer)
        texts = [_read_text(sample, tokenizer, recipe.seqlen) for sample in pool]
        held = _held(texts, reads, terms, recipe, tokenizer)
        candidates = [
            Candidate(token_ids=read, group=sample.source, terms=of_row)
            for sample, read, of_row in zip(pool, reads, held, strict=True)
        ]
        places = select_by_coverage(candidates, counts)
        report = coverage_report(candidates, places, counts, terms=terms)
        rows: dict[str, list[Sample]] = {name: [] for name in counts}
        for place in sorted(places):
            rows[pool[place].source].append(pool[place])
    sizes = {name: len(supplies[name].samples) if count else 0 for name, count in counts.items()}
    return Choice(repeating(Gathered(rows, found.repeated)), sizes, report, terms)


def _terms(
    reads: Sequence[Sequence[int]], recipe: Recipe, supplies: Mapping[str, SourceStream], tokenizer: Tokenizer
) -> tuple[str, ...]:
    """Return what coverage must hold if some candidate does: control tokens, letters, and terms."""
    # A vocabulary has a thousand that are reserved: those that no candidate holds are no news.
    used = set[int]().union(*reads)
    wanted = tokenizer.special_tokens if recipe.selection.control_tokens else {}
    controls = (name for name, number in wanted.items() if number in used)
    titles = (title for name in recipe.selection.terms_of for title in supplies[name].titles)
    return tuple(dict.fromkeys([*controls, *recipe.selection.letters, *titles]))


def _read_text(sample: Sample, tokenizer: Tokenizer, seqlen: int) -> str:
    """Return the text of a row without what the quantizer cuts."""
    read = text_budget(tokenizer, seqlen)
    behind = tokenizer.decode(sample.token_ids[read:])
    if sample.text.endswith(behind):
        return sample.text.removesuffix(behind)
    return tokenizer.decode(sample.token_ids[:read])  # the cut is inside a character


def _held(
    texts: Sequence[str],
    reads: Sequence[Sequence[int]],
    terms: Sequence[str],
    recipe: Recipe,
    tokenizer: Tokenizer,
) -> list[frozenset[int]]:
    """Return for each row the numbers of the terms that stand in what is read of it."""
    controls = tokenizer.special_tokens if recipe.selection.control_tokens else {}
    by_id = {controls[term]: number for number, term in enumerate(terms) if term in controls}
    letters = {term: number for number, term in enumerate(terms) if term in set(recipe.selection.letters)}
    titles = _by_first_word(
        (number, words(term))
        for number, term in enumerate(terms)
        if term not in controls and term not in letters
    )
    held = []
    for text, read in zip(texts, reads, strict=True):
        ids = set(read)
        found = {number for one, number in by_id.items() if one in ids}
        found |= {number for letter, number in letters.items() if letter in text}
        held.append(frozenset(found | _titles_in(text, titles)))
    return held


_ByFirstWord = Mapping[str, list[tuple[int, list[str]]]]


def _by_first_word(titles: Iterable[tuple[int, list[str]]]) -> _ByFirstWord:
    found: dict[str, list[tuple[int, list[str]]]] = {}
    for number, parts in titles:
        if parts:
            found.setdefault(parts[0], []).append((number, parts))
    return found


def _titles_in(text: str, titles: _ByFirstWord) -> set[int]:
    if not titles:
        return set()
    parts = words(text)
    return {
        number
        for place, word in enumerate(parts)
        for number, title in titles.get(word, ())
        if parts[place : place + len(title)] == title
    }
