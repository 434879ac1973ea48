"""The terms that a selection by coverage must hold: control tokens, letters, and titles of documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from calibset.core.documents import Sample
from calibset.hygiene.words import split_words
from calibset.selection.options import Selection
from calibset.tokenizers import Tokenizer
from calibset.tokenizers.truncation import text_budget, visible_ids


def find_terms(
    selection: Selection, tokenizer: Tokenizer, visible: Iterable[Sequence[int]], titles: Iterable[str]
) -> tuple[str, ...]:
    """Return the terms to cover, each once; control tokens only if some row holds them.

    Args:
        selection: The recipe's ``[selection]``, which says which terms are wanted.
        tokenizer: The tokenizer with the control tokens.
        visible: The ids that the quantizer reads of each row.
        titles: The titles of the documents whose titles the recipe makes terms.
    """
    # A vocabulary has a thousand reserved control tokens; those that no row holds are no news.
    used = set(chain.from_iterable(visible))
    control_tokens = tokenizer.special_tokens if selection.control_tokens else {}
    controls = (name for name, token_id in control_tokens.items() if token_id in used)
    return tuple(dict.fromkeys([*controls, *selection.letters, *titles]))


def find_terms_in_rows(
    terms: Sequence[str], selection: Selection, tokenizer: Tokenizer, seqlen: int, samples: Iterable[Sample]
) -> list[frozenset[int]]:
    """Return, for each sample, the indexes of the terms in the part that the quantizer reads."""
    control_tokens = tokenizer.special_tokens if selection.control_tokens else {}
    by_id = {control_tokens[term]: index for index, term in enumerate(terms) if term in control_tokens}
    letters = {term: index for index, term in enumerate(terms) if term in set(selection.letters)}
    titles = index_titles(
        (index, split_words(term))
        for index, term in enumerate(terms)
        if term not in control_tokens and term not in letters
    )
    rows = []
    for sample in samples:
        ids = set(visible_ids(sample.token_ids, tokenizer, seqlen))
        text = _visible_text(sample, tokenizer, seqlen)
        held = {index for token_id, index in by_id.items() if token_id in ids}
        held |= {index for letter, index in letters.items() if letter in text}
        rows.append(frozenset(held | find_titles(text, titles)))
    return rows


def _visible_text(sample: Sample, tokenizer: Tokenizer, seqlen: int) -> str:
    """Return the text of a row without what the quantizer cuts."""
    budget = text_budget(tokenizer, seqlen)
    cut = tokenizer.decode(sample.token_ids[budget:])
    if sample.text.endswith(cut):
        return sample.text.removesuffix(cut)
    return tokenizer.decode(sample.token_ids[:budget])  # the cut is inside a character


ByFirstWord = Mapping[str, list[tuple[int, list[str]]]]
"""Titles by their first word, each with its number and all of its words."""


def index_titles(titles: Iterable[tuple[int, list[str]]]) -> ByFirstWord:
    """Return titles, given as their numbers and words, so that they are found in texts."""
    by_first_word: dict[str, list[tuple[int, list[str]]]] = {}
    for index, parts in titles:
        if parts:
            by_first_word.setdefault(parts[0], []).append((index, parts))
    return by_first_word


def find_titles(text: str, titles: ByFirstWord) -> set[int]:
    """Return the numbers of the titles in a text."""
    if not titles:
        return set()
    parts = split_words(text)
    return {
        index
        for start, word in enumerate(parts)
        for index, title in titles.get(word, ())
        if parts[start : start + len(title)] == title
    }
