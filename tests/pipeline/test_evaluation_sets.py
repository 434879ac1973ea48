from __future__ import annotations

import json

import pytest

from calibset.core.errors import SourceError
from calibset.hygiene.cleaner import SharedIndexes
from calibset.hygiene.deduplication import make_fingerprint
from calibset.hygiene.words import split_words
from calibset.pipeline import evaluation_sets
from calibset.pipeline.evaluation_sets import index_evaluation_sets
from calibset.pipeline.kept_evaluations import EvaluationSet
from calibset.recipe.loader import parse_recipe
from calibset.recipe.model import Recipe
from calibset.storage import Reader, memory_reader
from tests.prose import prose, reworded

RECIPE = """
name = "made"
[groups]
a = 1.0
[sources.one]
group = "a"
type = "text"
where = "one"
[sources.two]
group = "a"
type = "text"
where = "two"
"""
SETS = """
[[exclude]]
name = "quiz"
type = "jsonl"
where = "quiz"
[[exclude]]
name = "talk"
type = "chat"
where = "talk"
"""


def rows(*values: object) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def texts(*given: str) -> bytes:
    return rows(*({"text": text} for text in given))


TALK = {"messages": [{"role": "user", "content": prose(8)}, {"role": "assistant", "content": prose(9)}]}


def opened(
    *, quiz: bytes = texts(prose(1)), talk: bytes = rows(TALK), lines: str = "", sets: str = SETS
) -> tuple[SharedIndexes, dict[str, EvaluationSet]]:
    readers = {
        "quiz": memory_reader({"a.jsonl": quiz}, "quiz"),
        "talk": memory_reader({"a.jsonl": talk}, "talk"),
    }
    return index_evaluation_sets(parse_recipe(lines + RECIPE + sets), readers)


def error_of(*, quiz: bytes = texts(prose(1)), talk: bytes = rows(TALK)) -> str:
    with pytest.raises(SourceError) as caught:
        opened(quiz=quiz, talk=talk)
    return str(caught.value)


def test_evaluation_sets_are_read_whole() -> None:
    indexes, sets = opened(quiz=texts(*map(prose, range(5))))
    assert {name: (one.documents, one.words) for name, one in sets.items()} == {
        "quiz": (5, 5 * 40),
        "talk": (1, 2 * 40),
    }
    assert [one.reader.location for one in sets.values()] == ["quiz", "talk"]
    assert indexes.evaluations is not None
    for number in range(5):
        match = indexes.evaluations.find("page", split_words(prose(number)))
        assert match is not None
        assert (match.exclude, match.passage) == ("quiz", f"a.jsonl#{number}")
    assert indexes.evaluations.find("page", split_words(prose(5))) is None


def test_a_conversation_counts_by_its_turns() -> None:
    indexes, _ = opened()
    assert indexes.evaluations is not None
    match = indexes.evaluations.find("page", split_words(prose(9)))
    assert match is not None
    assert (match.exclude, match.words) == ("talk", 40)


def test_they_are_read_in_their_files_order_so_that_lines_can_stand_together() -> None:
    parts = prose(1).split()
    lines = [" ".join(parts[start : start + 5]) for start in range(0, 40, 5)]
    indexes, _ = opened(quiz=texts(*lines))
    assert indexes.evaluations is not None
    match = indexes.evaluations.find("page", split_words(prose(1)))
    assert match is not None
    assert (match.passage, match.words) == ("a.jsonl#0", 40)


def test_without_evaluation_sets_nothing_is_excluded() -> None:
    indexes, sets = index_evaluation_sets(parse_recipe(RECIPE), {})
    assert (indexes.evaluations, indexes.cuts_matches, sets) == (None, False, {})


def test_when_something_matches_is_the_recipes_to_say() -> None:
    shared = " ".join(prose(1).split()[:15]) + " " + prose(2)
    for lines, found in (("", True), ("decontamination.run = 16\n", False)):
        indexes, _ = opened(lines=lines)
        assert indexes.evaluations is not None
        assert (indexes.evaluations.find("page", split_words(shared)) is not None) == found
        assert not indexes.cuts_matches
    indexes, _ = opened(lines='decontamination.matches = "cut"\n')
    assert indexes.cuts_matches


@pytest.mark.parametrize(
    ("hygiene", "finds_near"),
    [
        ("", True),
        ('hygiene.duplicates = "exact"\n', False),
        ('hygiene.duplicates = "exact"\nsources.one.hygiene.duplicates = "near"\n', True),
    ],
)
def test_near_duplicates_are_found_if_some_source_wants_it(hygiene: str, finds_near: bool) -> None:
    base, _, own = hygiene.partition("sources.one.")
    text = base + RECIPE.replace('where = "one"\n', f'where = "one"\n{own}')
    indexes, _ = index_evaluation_sets(parse_recipe(text), {})
    duplicates = indexes.duplicates
    first, second = (
        make_fingerprint(split_words(text), sketches=duplicates.near)
        for text in (prose(1), reworded(prose(1)))
    )
    assert duplicates.find_or_add("one", "1", first) is None
    found = duplicates.find_or_add("one", "2", second)
    assert (found is not None) == finds_near


def test_an_evaluation_set_without_words_is_an_error() -> None:
    assert error_of(quiz=b"") == "exclude.quiz: quiz holds no words: it is empty"
    assert error_of(quiz=texts("…", "—")) == "exclude.quiz: quiz holds no words: it is empty"
    assert error_of(talk=texts("x")) == (
        "exclude.talk: 100% of the records were rejected, more than 20% (1 rejected: no column "
        "'messages' or 'conversations'): what can't be read can't be excluded; to allow more, raise "
        "exclude.talk.max_rejected"
    )


def test_no_more_of_it_may_be_unreadable_than_of_a_source() -> None:
    quiz = texts(*map(prose, range(3))) + b"{\n"
    assert error_of(quiz=quiz) == (
        "exclude.quiz: 25% of the records were rejected, more than 20% "
        "(1 rejected: not valid JSON): what can't be read can't be excluded; to allow more, raise "
        "exclude.quiz.max_rejected"
    )
    _, sets = opened(quiz=quiz, lines="max_rejected = 0.25\n")
    assert sets["quiz"].documents == 3


def test_blank_records_hold_nothing_to_keep_out_and_do_not_count() -> None:
    _, sets = opened(quiz=texts(prose(1), *[""] * 9))
    assert sets["quiz"].documents == 1
    assert error_of(quiz=texts("", " ")) == "exclude.quiz: quiz holds no words: it is empty"


def test_more_words_than_memory_has_room_for_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    quiz = texts(*map(prose, range(3)))
    total = sum(found.words for found in opened(quiz=quiz)[1].values())
    monkeypatch.setattr(evaluation_sets, "_MOST_WORDS", total)
    assert opened(quiz=quiz)[1]["quiz"].words == 120
    message = f"evaluation sets have more than {total} words; name only their evaluation splits"
    assert error_of(quiz=quiz + texts("More.")) == f"exclude.talk: {message}"


def test_what_goes_wrong_names_the_set() -> None:
    readers: dict[str, Reader] = {"quiz": memory_reader({"b.txt": b"text"}, "quiz")}
    recipe: Recipe = parse_recipe(RECIPE + SETS.partition('[[exclude]]\nname = "talk"')[0])
    with pytest.raises(SourceError, match=r"^exclude\.quiz: quiz: no file matches \*\.jsonl"):
        index_evaluation_sets(recipe, readers)
