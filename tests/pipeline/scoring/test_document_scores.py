"""Documents are scored some at a time, whatever their kind, and no more are held than that."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from calibset.core.documents import Document, Rejection
from calibset.hygiene.examination import Examiner
from calibset.hygiene.options import Hygiene
from calibset.pipeline.scoring import document_scores
from calibset.pipeline.scoring.document_scores import Scorer, digest_record
from calibset.tokenizers import Tokenizer, load_tokenizer
from tests.letters import write_letters


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("letters")
    return load_tokenizer("tokenizer.json", write_letters(folder).parent)


def open_scorer(tokenizer: Tokenizer) -> Scorer:
    def refuse() -> None:
        raise AssertionError("no conversation came")

    examiner = Examiner(options=Hygiene(), sketches=True)
    return Scorer("sources.web", examiner, tokenizer, refuse, ["z", "river bank"])  # type: ignore[arg-type]


def records() -> list[Document | Rejection]:
    """Texts, ids, one that repeats another, and what can't be read."""
    words = " ".join(f"word{number}" for number in range(30))
    return [
        Document(id="plain", text="A zebra on a river bank."),
        Rejection(position="a.jsonl:2", reason="not valid JSON"),
        Document(id="ids", text="", token_ids=(72, 105, 33)),
        Document(id="padding", text="", token_ids=(256, 256)),
        Document(id="long", text=words),
        Document(id="again", text=f"{words} ."),
        Document(id="lone \ud800", text="-"),
    ]


def test_scores_are_the_same_whatever_is_examined_together(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = open_scorer(tokenizer)
    together = list(scorer.score(enumerate(records())))
    fingerprints = [(key, one.digest) for key, one in scorer.find_fingerprints(enumerate(records()))]
    monkeypatch.setattr(document_scores, "_MOST_RECORDS", 1)
    assert list(scorer.score(enumerate(records()))) == together
    assert [(key, one.digest) for key, one in scorer.find_fingerprints(enumerate(records()))] == fingerprints

    assert [key for key, _ in together] == list(range(7))
    scores = [score for _, score in together]
    assert [score.id for score in scores] == [
        "plain", "a.jsonl:2", "ids", "padding", "long", "again", "lone \ufffd",
    ]  # fmt: skip
    assert [score.digest for score in scores] == list(map(digest_record, records()))
    assert scores[1].verdict == "not valid JSON"
    assert len(scores[0].terms) == 2
    assert scores[4].same == scores[5].same is not None
    assert scores[4].sketch == scores[5].sketch is not None
    assert [digest for _, digest in fingerprints] == [score.same for score in scores if score.same]


@pytest.mark.parametrize(("characters", "most"), [(10, 64), (100_000, 3)])
def test_no_more_records_are_held_than_are_examined_together(
    tokenizer: Tokenizer, characters: int, most: int
) -> None:
    read = 0

    def endless() -> Iterator[tuple[int, Document]]:
        nonlocal read
        while True:
            read += 1
            yield read, Document(id=str(read), text=json.dumps("ab " * (characters // 3)))

    assert next(iter(open_scorer(tokenizer).score(endless())))[0] == 1
    assert read == most
