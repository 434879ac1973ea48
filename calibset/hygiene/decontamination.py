"""What a text shares with evaluation sets, and the text without it."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibset.core.fields import Count, Share
from calibset.hygiene.ngram_index import (
    SHINGLE,
    SHORTEST,
    Index,
    Series,
    Vocabulary,
    covered,
    longest,
    stretches,
)
from calibset.hygiene.words import place_words, split_words

_EXCERPT = 200
# A cut may bring words together that match again; a text that is not clean after so many is given up. For a
# long text, which takes seconds a round, there are fewer, one cut at least.
_ROUNDS = 16
_LETTERS_OF_ALL_ROUNDS = 16_000_000
# What is left of a sentence or bracket whose beginning was cut away.
_CLOSING = re.compile(r"(?:[\s.,;:!?…)\]}’”»]|(?<!\s)[\"'*-])*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """What a document shares with an evaluation set.

    Attributes:
        document: The document's id.
        exclude: The evaluation set.
        others: Further evaluation sets that the text matches, in the order in which they were put in.
        passage: The evaluation document in which the shared words begin; of several the first put in.
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
    """Evaluation sets, and what texts share with them.

    A text matches that shares a run of words: 13 of them as for GPT-3 (Brown et al. 2020,
    arXiv:2005.14165, appendix C), and as lm-evaluation-harness and NeMo Curator do it. An evaluation
    document that is shorter than a run, but has the 8 words that are the least there, matches where
    all of it stands in a row. So does a text of whose five-word shingles evaluation sets hold the
    given part, 8 words of it in a row; stock phrases in short texts come to 0.57, reworded sentences
    to 0.6 and more.

    Thirteen letters of a script without spaces (Chinese, Thai) are about seven words, so of what is
    mostly such letters twice as many have to be shared: 26 in a row, or 16 where it says 8 above.

    What says nothing does not count: a run of which less than half are words that hold a letter and
    differ (tables, a word said over and over). Words on the two sides of a border between documents
    of one evaluation set are a run as any other, since some sets are stored line by line. A stretch
    is what runs cover without a gap. Words are compared, not digests of them: no match is a chance
    collision.

    Args:
        run: Words in a row that make a match, 8 or more.
        containment: The part of a text's shingles that makes a match, above 0.

    Raises:
        ValueError: `run` or `containment` is out of its bounds.

    Examples:
        >>> excluded = EvaluationIndex()
        >>> line = "Robert Boulter is an English film , television and theatre actor , born in 1981 ."
        >>> excluded.add("wikitext", "1", split_words(line))
        >>> page = "<p>Robert Boulter is an English film, television and theatre actor, born in 1981."
        >>> match = excluded.find("page", split_words(page))
        >>> match.exclude, match.passage, match.words
        ('wikitext', '1', 13)
        >>> excluded.find("other page", split_words("Robert Boulter is an English actor."))
    """

    def __init__(self, *, run: int = 13, containment: float = 0.6) -> None:
        if run < SHORTEST:
            raise ValueError(f"run: must be at least {SHORTEST}, got {run}")
        if not 0 < containment <= 1:
            raise ValueError(f"containment: must be above 0 and at most 1, got {containment}")
        self._run = run
        self._containment = containment
        self._vocabulary = Vocabulary()
        self._series: dict[str, Series] = {}
        self._built: Index | None = None

    def add(self, exclude: str, document: str, words: Sequence[str]) -> None:
        """Put in a document of an evaluation set, behind those put in before.

        Args:
            exclude: The evaluation set.
            document: The document's id.
            words: Its words, as `calibset.hygiene.words.all_words_of` returns them.
        """
        if words:
            series = self._series.setdefault(exclude, Series())
            series.documents.append(document)
            series.starts.append(len(series.codes))
            series.codes.extend(map(self._vocabulary.code, words))
            self._built = None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all that the index holds as arrays, for `of_arrays`."""
        names = {name: [held.documents, len(held.codes)] for name, held in self._series.items()}
        texts = {"names": names, "words": self._vocabulary.words}
        return {
            **self._index.arrays(),
            "texts": np.frombuffer(json.dumps(texts).encode(), np.uint8),
            "kinds": np.frombuffer(self._vocabulary.kinds, np.uint8),
            "codes": np.concatenate([np.frombuffer(held.codes, np.uint32) for held in self._series.values()]),
            "places": np.concatenate([np.array(held.starts, np.int64) for held in self._series.values()]),
        }

    @classmethod
    def of_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], *, run: int, containment: float
    ) -> EvaluationIndex:
        """Return the index whose `arrays` these are; run and containment are those that it was made with."""
        index = cls(run=run, containment=containment)
        texts = json.loads(arrays["texts"].tobytes())
        index._vocabulary = Vocabulary.of(texts["words"], arrays["kinds"].tobytes())
        word, place = 0, 0
        for name, (documents, words) in texts["names"].items():
            codes = array("I", arrays["codes"][word : word + words].tobytes())
            starts = arrays["places"][place : place + len(documents)].tolist()
            index._series[name] = Series(codes, starts, documents)
            word, place = word + words, place + len(documents)
        index._built = Index(index._series, index._vocabulary, run, arrays)
        return index

    def find(self, document: str, words: Sequence[str]) -> Contamination | None:
        """Return what a document shares with the evaluation sets; None where that is no match.

        Args:
            document: Its id.
            words: Its words, as `calibset.hygiene.words.all_words_of` returns them.
        """
        return self.find_all([(document, words)])[0]

    def find_all(self, texts: Sequence[tuple[str, Sequence[str]]]) -> list[Contamination | None]:
        """Return what `find` does for each of several documents, in a fraction of the time.

        Args:
            texts: Of each document the id and the words.
        """
        # No run of words goes across what is no word.
        codes = self._vocabulary.codes([word for _, own in texts for word in (*own, "")])
        at, starts = self._index.shingles.occurrences(codes, first=True)
        shingles = np.full(codes.size, -1)
        shingles[at] = starts
        ends = np.cumsum([len(own) + 1 for _, own in texts])
        sharing = set(ends.searchsorted(at, "right").tolist())
        matches: list[Contamination | None] = []
        for number, ((document, words), end) in enumerate(zip(texts, ends.tolist(), strict=True)):
            match, start, last = None, end - 1 - len(words), end - 1
            if number in sharing:
                own = shingles[start : last - SHINGLE + 1]
                match = self._find(document, words, codes[start:last], own)
            matches.append(match)
        return matches

    def _find(
        self, document: str, words: Sequence[str], codes: NDArray[np.uint32], shingles: NDArray[np.int64]
    ) -> Contamination | None:
        """Return what a document shares, by its words' numbers and where each of its shingles stands."""
        # Too few words in a row that evaluation sets hold: true of many texts.
        if longest(covered(shingles, SHINGLE)).words < SHORTEST:
            return None
        index = self._index
        containment, alike = index.likeness(shingles)
        shared, positions = index.shared(codes)
        if not shared.any() and containment >= self._containment and index.is_long(codes, longest(alike)):
            shared, positions = alike, shingles
        stretch = longest(shared)
        if not stretch.words:
            return None
        exclude, passage = index.document(int(positions[stretch.start]))
        sharing = index.sharing(codes, self._containment)
        return Contamination(
            document=document,
            exclude=exclude,
            passage=passage,
            words=stretch.words,
            containment=containment,
            excerpt=" ".join(words[stretch.start : stretch.end])[:_EXCERPT],
            others=tuple(name for name in sharing if name != exclude),
        )

    def without(self, text: str) -> str:
        r"""Return a text cut around every match, the pieces joined by a blank line.

        A text that is no match is returned as it is, and what is returned is none. Pieces of fewer
        words than a run go with what was cut; of a text that matches by its shingles alone nothing
        is left.

        Examples:
            >>> excluded = EvaluationIndex()
            >>> excluded.add("quiz", "1", split_words("Which river runs through the capital of Slovakia?"))
            >>> excluded.without('''Which river runs through the capital of Slovakia? The answer
            ... that we were looking for is of course the Danube, and no other.''')
            'The answer\nthat we were looking for is of course the Danube, and no other.'
        """
        cuts_left = max(1, min(_ROUNDS - 1, _LETTERS_OF_ALL_ROUNDS // max(1, len(text))))
        while self.find("", split_words(text)) is not None:
            if not cuts_left:
                return ""
            text = self._cut(text)
            cuts_left -= 1
        return text

    def _cut(self, text: str) -> str:
        words, starts, ends = place_words(text)
        shared, _ = self._index.shared(self._vocabulary.codes(words))
        if not shared.any():
            return ""
        pieces = []
        for stretch in stretches(~shared):
            if stretch.words >= self._run:
                start = ends[stretch.start - 1] if stretch.start else 0
                end = starts[stretch.end] if stretch.end < len(words) else len(text)
                if stretch.start and (closing := _CLOSING.match(text, start)):
                    start = closing.end()
                pieces.append(text[start:end].rstrip())
        return "\n\n".join(pieces)

    @property
    def _index(self) -> Index:
        if self._built is None:
            self._built = Index(self._series, self._vocabulary, self._run)
        return self._built
