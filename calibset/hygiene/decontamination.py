"""Passages that a text shares with evaluation sets, and the text without them.

Each set is one stream of numbered words, with a table of its five-word shingles and one of its runs. A text
with fewer than 8 words in shingles of the sets can't match; for other texts the runs are looked up as well.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from calibset.core.fields import Count, Share
from calibset.hygiene.ngram_index import (
    Codes,
    Flags,
    Positions,
    RunTable,
    TextRuns,
    Vocabulary,
    cover_runs,
    find_longest,
    find_stretches,
)
from calibset.hygiene.words import locate_words, split_words

SHORTEST = 8
"""The fewest words of an evaluation document that is searched for as a whole."""

# Words of the runs that a text's containment is counted by.
_SHINGLE = 5
_EXCERPT = 200
# A cut may bring words together that match again; a text that is not clean after so many is given up.
_ROUNDS = 16
# What is left of a sentence or bracket whose beginning was cut away.
_CLOSING = re.compile(r"(?:[\s.,;:!?…)\]}’”»]|(?<!\s)[\"'*-])*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """A match between a document and an evaluation set.

    Attributes:
        document: The document's id.
        exclude: The evaluation set.
        others: Further evaluation sets that the text matches, in the order in which they were added.
        passage: The evaluation document in which the shared words begin; the first added of several.
        words: How many words the longest shared stretch has.
        containment: The part of the text's own five-word shingles that evaluation sets hold, 0 to 1.
        excerpt: The shared words, at most 200 characters.
    """

    document: str
    exclude: str
    others: tuple[str, ...]
    passage: str
    words: Count
    containment: Share
    excerpt: str


class EvaluationIndex:
    """An index of evaluation sets that finds what texts share with them.

    A text matches in any of three ways:

    - It shares a run of 13 words, as for GPT-3 (Brown et al. 2020, arXiv:2005.14165, appendix C), and
      as in lm-evaluation-harness and NeMo Curator.
    - It holds the whole of an evaluation document that is shorter than a run but has 8 words or more.
    - Evaluation sets hold at least the part ``containment`` of its five-word shingles, 8 words of them
      in a row. Stock phrases in short texts come to 0.57, reworded sentences to 0.6 and more.

    Thirteen letters of a script without spaces (Chinese, Thai) are about seven words, so twice as many
    have to be shared if most are such letters: 26 in a row instead of 13, and 16 instead of 8.

    A run does not count if less than half of it are distinct words that hold a letter (tables, a word
    repeated over and over). A run may cross the border between two documents of an evaluation set,
    since some sets are stored line by line. A stretch is what runs cover without a gap. Words are
    compared, and not only their digests, so no match is a chance collision.

    Args:
        run: How many words in a row make a match, 8 or more.
        containment: The part of a text's shingles that makes a match, above 0 and at most 1.

    Raises:
        ValueError: `run` or `containment` is out of its bounds.

    Examples:
        >>> evaluations = EvaluationIndex()
        >>> line = "Robert Boulter is an English film , television and theatre actor , born in 1981 ."
        >>> evaluations.add("wikitext", "1", split_words(line))
        >>> page = "<p>Robert Boulter is an English film, television and theatre actor, born in 1981."
        >>> match = evaluations.find("page", split_words(page))
        >>> match.exclude, match.passage, match.words
        ('wikitext', '1', 13)
        >>> evaluations.find("other page", split_words("Robert Boulter is an English actor."))
    """

    def __init__(self, *, run: int = 13, containment: float = 0.6) -> None:
        if run < SHORTEST:
            raise ValueError(f"run: must be at least {SHORTEST}, got {run}")
        if not 0 < containment <= 1:
            raise ValueError(f"containment: must be above 0 and at most 1, got {containment}")
        self._run = run
        self._containment = containment
        self._vocabulary = Vocabulary()
        self._sets: dict[str, _EvaluationSet] = {}
        self._tables: _Tables | None = None

    def add(self, exclude: str, document: str, words: Sequence[str]) -> None:
        """Add a document of an evaluation set, after those added before.

        Args:
            exclude: The evaluation set.
            document: The document's id.
            words: The document's words, as `calibset.hygiene.words.all_words_of` returns them.
        """
        if words:
            self._tables = None  # first, since an array that others look at can't grow
            evaluation = self._sets.setdefault(exclude, _EvaluationSet(exclude))
            evaluation.documents.append(document)
            evaluation.starts.append(len(evaluation.codes))
            evaluation.codes.extend(map(self._vocabulary.add, words))

    def find(self, document: str, words: Sequence[str]) -> Contamination | None:
        """Return the match between a document and the evaluation sets, or None if there is none.

        Args:
            document: The document's id.
            words: The document's words, as `calibset.hygiene.words.all_words_of` returns them.
        """
        codes = self._vocabulary.encode(words)
        if np.count_nonzero(codes) < SHORTEST:
            return None
        text = TextRuns(codes)
        shingles = [hits for table in self._build_tables().shingles if (hits := table.search(text))]
        if not shingles:
            return None
        most, known = _measure(shingles)
        if find_longest(known).words < SHORTEST:
            return None
        runs = self._search(text)
        if not runs and most < self._containment:
            return None  # as most texts that share a phrase
        sharing, shared = runs, _cover(runs, codes)
        is_telling = self._vocabulary.find_telling(codes, _SHINGLE)
        containment, alike = _measure(shingles, is_telling)
        if not runs and containment >= self._containment and self._is_long(codes, alike):
            sharing, shared = shingles, alike
        stretch = find_longest(shared)
        if not stretch.words:
            return None
        exclude, passage = next(filter(None, (hits.find_document(stretch.start) for hits in sharing)))
        matched = {hits.evaluation.name for hits in runs}
        for hits in shingles:
            part, flags = _measure([hits], is_telling)
            if part >= self._containment and self._is_long(codes, flags):
                matched.add(hits.evaluation.name)
        return Contamination(
            document=document,
            exclude=exclude,
            passage=passage,
            words=stretch.words,
            containment=containment,
            excerpt=" ".join(words[stretch.start : stretch.end])[:_EXCERPT],
            others=tuple(name for name in self._sets if name in matched and name != exclude),
        )

    def without(self, text: str) -> str:
        r"""Return a text without its matches, the remaining pieces joined by a blank line.

        A text without a match is returned as it is, and the returned text never matches. Pieces of
        fewer words than a run are removed too; nothing is left of a text that matches by its shingles
        alone.

        Examples:
            >>> evaluations = EvaluationIndex()
            >>> evaluations.add("quiz", "1", split_words("Which river runs through the capital of Slovakia?"))
            >>> evaluations.without('''Which river runs through the capital of Slovakia? The answer
            ... that we were looking for is of course the Danube, and no other.''')
            'The answer\nthat we were looking for is of course the Danube, and no other.'
        """
        for _ in range(_ROUNDS):
            if self.find("", split_words(text)) is None:
                return text
            text = self._cut(text)
        return ""

    def _cut(self, text: str) -> str:
        located = locate_words(text)
        codes = self._vocabulary.encode([word.word for word in located])
        shared = _cover(self._search(TextRuns(codes)), codes)
        if not shared.any():
            return ""
        pieces = []
        for stretch in find_stretches(~shared):
            if stretch.words >= self._run:
                start = located[stretch.start - 1].end if stretch.start else 0
                end = located[stretch.end].start if stretch.end < len(located) else len(text)
                if stretch.start and (closing := _CLOSING.match(text, start)):
                    start = closing.end()
                pieces.append(text[start:end].rstrip())
        return "\n\n".join(pieces)

    def _search(self, text: TextRuns) -> list[_Hits]:
        """Return the runs of a text that count and that evaluation sets hold, set by set."""
        counted = []
        for table in self._build_tables().runs:
            if (hits := table.search(text)) is None:
                continue
            counts = self._vocabulary.find_telling(text.codes, hits.size)
            if table.is_unspaced is not None:
                counts &= self._vocabulary.find_mostly_unspaced(text.codes, hits.size) == table.is_unspaced
            positions = np.where(counts, hits.positions, -1)
            if (positions >= 0).any():
                counted.append(hits._replace(positions=positions))
        return counted

    def _is_long(self, codes: Codes, flags: Flags) -> bool:
        """Return whether the longest stretch is long enough, if of unspaced letters twice as long."""
        stretch = find_longest(flags)
        letters = np.count_nonzero(self._vocabulary.find_unspaced(codes[stretch.start : stretch.end]))
        return stretch.words >= SHORTEST * (2 if 2 * letters > stretch.words else 1)

    def _build_tables(self) -> _Tables:
        if self._tables is None:
            shingles = [_Table(each, RunTable(each.stream, _SHINGLE)) for each in self._sets.values()]
            runs = [table for each in self._sets.values() for table in self._build_runs(each)]
            order = (self._run, 2 * self._run)
            # The first table that has a run names the document: sets in their order, for each length.
            runs.sort(key=lambda table: (*(table.runs.size != size for size in order), table.runs.size))
            self._tables = _Tables(shingles, runs)
        return self._tables

    def _build_runs(self, evaluation: _EvaluationSet) -> Iterator[_Table]:
        stream = evaluation.stream
        is_unspaced = self._vocabulary.find_unspaced(stream)
        yield _Table(evaluation, RunTable(stream, self._run), is_unspaced=False)
        if is_unspaced.any():
            yield _Table(evaluation, RunTable(stream, 2 * self._run), is_unspaced=True)
        whole: dict[int, list[int]] = {}
        for start, end in pairwise([*evaluation.starts, stream.size]):
            length = end - start
            if SHORTEST <= length < 2 * self._run:
                times = 2 if 2 * np.count_nonzero(is_unspaced[start:end]) > length else 1
                if times * SHORTEST <= length < times * self._run:
                    whole.setdefault(length, []).append(start)
        for length, starts in whole.items():
            yield _Table(evaluation, RunTable(stream, length, np.array(starts, np.uint32)))


@dataclass(frozen=True, slots=True, eq=False)
class _EvaluationSet:
    """The words of an evaluation set's documents, one document after the other.

    Attributes:
        name: The set's name.
        codes: The numbers of the words.
        starts: The index at which each document starts.
        documents: The ids of the documents.
    """

    name: str
    codes: array[int] = field(default_factory=lambda: array("I"))
    starts: list[int] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)

    @property
    def stream(self) -> Codes:
        return np.frombuffer(self.codes, np.uint32)


@dataclass(frozen=True, slots=True)
class _Table:
    """Runs of an evaluation set.

    Attributes:
        evaluation: The set.
        runs: The runs of one length.
        is_unspaced: Whether those count that are mostly letters of scripts without spaces, or the others;
            None if all do.
    """

    evaluation: _EvaluationSet
    runs: RunTable
    is_unspaced: bool | None = None

    def search(self, text: TextRuns) -> _Hits | None:
        positions = self.runs.find(text)
        return None if positions is None else _Hits(self.evaluation, self.runs.size, positions)


class _Tables(NamedTuple):
    """The tables that texts are looked up in: shingles set by set, and runs by length."""

    shingles: list[_Table]
    runs: list[_Table]


class _Hits(NamedTuple):
    """The positions of a text's runs in an evaluation set, -1 for runs that it doesn't hold."""

    evaluation: _EvaluationSet
    size: int
    positions: Positions

    def find_document(self, index: int) -> tuple[str, str] | None:
        """Return the set and the document that hold the run that begins with a word, None if not this set."""
        if index >= self.positions.size or self.positions[index] < 0:
            return None
        number = bisect_right(self.evaluation.starts, int(self.positions[index])) - 1
        return self.evaluation.name, self.evaluation.documents[number]


def _cover(runs: Sequence[_Hits], codes: Codes) -> Flags:
    """Return which words of a text are in a run that was found."""
    flags = np.zeros(codes.size, np.bool_)
    for hits in runs:
        flags |= cover_runs(hits.positions >= 0, hits.size)
    return flags


def _measure(shingles: Sequence[_Hits], is_telling: Flags | np.bool_ = np.True_) -> tuple[float, Flags]:
    """Return the part of a text's shingles that were found and say something, and the words in them."""
    held = is_telling & np.any([hits.positions >= 0 for hits in shingles], axis=0)
    return float(np.count_nonzero(held)) / held.size, cover_runs(held, _SHINGLE)
