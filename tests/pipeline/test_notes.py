from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from calibset.hygiene.stats import ReadStats, RepairCounts
from calibset.pipeline.build import build
from calibset.pipeline.notes import note_source
from calibset.pipeline.plan import plan
from calibset.recipe.loader import parse_recipe
from calibset.tokenizers.chat_templates.base import CALLS_LEFT_OUT, NO_PLACE_FOR_THOUGHTS, WORDS_LEFT_OUT
from tests.letters import write_letters

if TYPE_CHECKING:
    from calibset.tokenizers.tekken import TekkenTokenizer

RECIPE = """\
name = "noted"
groups.all = 1.0
[sources.talk]
group = "all"
type = "chat"
where = "talk"
"""


def notes(
    tekken: TekkenTokenizer, repairs: RepairCounts, *known: str, documents: int = 1_200, keys: str = ""
) -> list[str]:
    stats = ReadStats(documents=documents, repairs=repairs, notes=known)
    return list(note_source(parse_recipe(RECIPE + keys), "talk", stats, tekken))


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ({"no answer": 900, WORDS_LEFT_OUT: 200, "else": 100}, f"(no answer, {WORDS_LEFT_OUT}); {{}}"),
        ({WORDS_LEFT_OUT: 900, CALLS_LEFT_OUT: 200}, f"({WORDS_LEFT_OUT}, {CALLS_LEFT_OUT})"),
    ],
)
def test_what_most_conversations_lost_is_named_with_a_way_out_if_there_is_one(
    tekken: TekkenTokenizer, losses: dict[str, int], expected: str
) -> None:
    repairs = RepairCounts(losses=Counter(losses), incomplete=1_000)
    wanted = expected.format("repair = false rejects those that need a repair")
    assert notes(tekken, repairs) == [
        f"talk: 1,000 of 1,200 conversations lost turns, calls or words {wanted}"
    ]
    assert notes(tekken, repairs, documents=2_000) == []


def test_reasoning_that_most_conversations_lost_is_told_unless_that_is_wanted_or_known(
    tekken: TekkenTokenizer,
) -> None:
    repairs = RepairCounts(dropped_thoughts=3_000, unreasoned=601)
    assert notes(tekken, repairs) == ["talk: 601 of 1,200 conversations lost all of their reasoning"]
    assert notes(tekken, repairs, documents=1_202) == []
    assert notes(tekken, repairs, NO_PLACE_FOR_THOUGHTS) == []
    assert notes(tekken, repairs, keys='reasoning = "drop"\n') == []


def test_of_several_marks_the_two_commonest_are_named_by_who_reads_them(tekken: TekkenTokenizer) -> None:
    marks = {"</s>": 100, "[INST]": 200, "<s>": 100, "<|im_start|>": 119, "<bos>": 1}
    assert notes(tekken, RepairCounts(rendered=Counter(marks))) == [
        "talk: 400 of 1,200 texts look as if a chat template had rendered them ([INST], </s>), and their "
        'control tokens are broken apart: give their conversations with type = "chat", or set '
        'control_tokens = "keep"',
        "talk: 120 of 1,200 texts look as if another model's chat template had rendered them (<|im_start|>, "
        '<bos>), which mistral-small-3.2 reads as letters: give their conversations with type = "chat"',
    ]


def test_a_column_that_no_row_has_is_told(tekken: TekkenTokenizer) -> None:
    repairs = RepairCounts(absent_columns=Counter({"titel": 1_200, "lead": 1_199}))
    assert notes(tekken, repairs) == ["talk: no row that was read has the column 'titel'"]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ('["Question", "answer"]', True),
        ('{ user = "Question", assistant = "answer" }', False),
        ('["title", "text"]', False),
        ('["question", "text"]', False),
    ],
)
def test_texts_made_of_questions_and_answers_are_told(
    tekken: TekkenTokenizer, columns: str, told: bool
) -> None:
    recipe = parse_recipe(RECIPE.replace('"chat"', f'"jsonl"\ncolumns = {columns}'))
    assert list(note_source(recipe, "talk", ReadStats(documents=3), tekken)) == told * [
        "talk: gives texts that join 'Question' and 'answer'; for conversations set "
        'columns = { user = "Question", assistant = "answer" }'
    ]


def test_a_few_long_documents_that_make_up_a_sources_rows_are_told(tmp_path: Path) -> None:
    write_letters(tmp_path)
    (tmp_path / "contracts").mkdir()
    for number in range(9):
        words = " ".join(f"{'abcdefghi'[number]}{word}" for word in range(400))
        (tmp_path / "contracts" / f"{number}.txt").write_text(words)
    text = (
        'name = "long"\nnsamples = 8\nseqlen = 64\ntokenizer = "tokenizer.json"\ngroups.all = 1.0\n'
        '[sources.contracts]\ngroup = "all"\ntype = "text"\nwhere = "contracts"\n'
    )
    path = tmp_path / "long.toml"
    path.write_text(text)
    note = (
        "contracts: its 8 rows are made of {}2 of 9 documents, which are long; more rows (nsamples, weight) "
        "take in others, and so does max_rows_per_document = 1"
    )
    assert note.format("about ") in plan(path).sources[0].notes
    assert note.format("") in build(path).notes
    path.write_text(f"max_rows_per_document = 1\n{text}")
    assert not [found for found in (*plan(path).sources[0].notes, *build(path).notes) if "are long" in found]
