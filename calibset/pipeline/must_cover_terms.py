"""The terms that a selection by coverage must hold: control tokens, letters, and titles of documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from calibset.core.documents import Sample
from calibset.hygiene.words import split_words
from calibset.selection.options import Selection
from calibset.tokenizers import Tokenizer
from calibset.tokenizers.truncation import text_budget, visible_ids


def find_terms(
    selection: Selection,
    tokenizer: Tokenizer,
    seqlen: int,
    samples: Sequence[Sample],
    titles: Iterable[str],
) -> tuple[tuple[str, ...], list[frozenset[int]]]:
    """Return the terms to cover, each once, and the indexes of those that each sample holds.

    What counts is the part of a row that the quantizer reads. Control tokens are terms only if some row
    holds them.

    Args:
        selection: The recipe's ``[selection]``, which says which terms are wanted.
        tokenizer: The tokenizer with the control tokens.
        seqlen: How many tokens of a row the quantizer reads.
        samples: The rows.
        titles: The titles of the documents whose titles the recipe makes terms.
    """
    control_tokens = tokenizer.special_tokens if selection.control_tokens else {}
    control_ids = frozenset(control_tokens.values())
    controls_in_rows = [
        control_ids.intersection(visible_ids(sample.token_ids, tokenizer, seqlen)) for sample in samples
    ]
    # A vocabulary has a thousand reserved control tokens; those that no row holds are no news.
    used = frozenset[int]().union(*controls_in_rows)
    controls = [name for name, token_id in control_tokens.items() if token_id in used]
    terms = tuple(dict.fromkeys([*controls, *selection.letters, *titles]))

    numbers = {term: index for index, term in enumerate(terms)}
    by_id = {control_tokens[term]: numbers[term] for term in controls}
    letters = {term: numbers[term] for term in selection.letters}
    texts = index_titles(
        (index, split_words(term))
        for term, index in numbers.items()
        if term not in control_tokens and term not in letters
    )
    terms_in_rows = []
    for sample, ids in zip(samples, controls_in_rows, strict=True):
        text = _visible_text(sample, tokenizer, seqlen)
        held = {by_id[token_id] for token_id in ids}
        held |= {index for letter, index in letters.items() if letter in text}
        terms_in_rows.append(frozenset(held | find_titles(text, texts)))
    return terms, terms_in_rows


def _visible_text(sample: Sample, tokenizer: Tokenizer, seqlen: int) -> str:
    """Return the text of a row without what the quantizer cuts."""
    budget = text_budget(tokenizer, seqlen)
    cut = tokenizer.decode(sample.token_ids[budget:])
    if sample.text.endswith(cut):
        return sample.text.removesuffix(cut)
    return tokenizer.decode(sample.token_ids[:budget])  # the cut is inside a character


@dataclass(frozen=True, slots=True)
class _Title:
    """A title as it is searched for.

    Attributes:
        index: Its number.
        words: Its words.
        spaced: These in their order, with a space around each.
    """

    index: int
    words: frozenset[str]
    spaced: str


ByFirstWord = Mapping[str, list[_Title]]
"""Titles by their first word."""


def index_titles(titles: Iterable[tuple[int, list[str]]]) -> ByFirstWord:
    """Return titles, given as their numbers and words, so that they are found in texts."""
    by_first_word: dict[str, list[_Title]] = {}
    for index, words in titles:
        if words:
            title = _Title(index, frozenset(words), _space(words))
            by_first_word.setdefault(words[0], []).append(title)
    return by_first_word


def find_titles(text: str, titles: ByFirstWord) -> set[int]:
    """Return the numbers of the titles in a text."""
    if not titles:
        return set()
    words = split_words(text)
    different, spaced = set(words), _space(words)
    return {
        title.index
        for word in titles.keys() & different
        for title in titles[word]
        # Nearly all titles that are not in the text lack a word, which is found out sooner.
        if title.words <= different and title.spaced in spaced
    }


def _space(words: Iterable[str]) -> str:
    return f" {' '.join(words)} "
