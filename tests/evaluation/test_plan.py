"""What is asked of a model: windows of text or rows, and prompts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibset.core.errors import OutputError, RecipeError
from calibset.evaluation.data import DataSet, Passage, open_data
from calibset.evaluation.measurement import Measurement
from calibset.evaluation.plan import Generation, Plan, Prompt, Questions, make_plan
from calibset.evaluation.windows import CALLS, OWN_CALLS, TEXT, Window, cut_windows
from calibset.tokenizers import Tokenizer, load_tokenizer
from tests.evaluation.measurements import INFO, random_scores
from tests.letters import write_letters

WORDS = "Once upon a time. " * 20


@pytest.fixture
def letters(tmp_path: Path) -> Tokenizer:
    return load_tokenizer(str(write_letters(tmp_path)))


@pytest.fixture
def text(tmp_path: Path) -> DataSet:
    (tmp_path / "a.txt").write_text(WORDS)
    return open_data(str(tmp_path / "a.txt"))


@pytest.fixture
def chat(chat_file: Path) -> DataSet:
    return open_data(str(chat_file))


@pytest.fixture
def chatml(chat_file: Path) -> Tokenizer:
    return load_tokenizer(str(chat_file.parent / "model"))


def windows_of(plan: Plan) -> list[Window]:
    assert [item.index for item in plan.items] == list(range(len(plan.items)))
    return [item for item in plan.items if isinstance(item, Window)]


def prompts_of(plan: Plan) -> list[Prompt]:
    return [item for item in plan.items if isinstance(item, Prompt)]


def test_a_text_begins_with_bos_and_is_cut_as_llama_cpp_cuts_it(text: DataSet, letters: Tokenizer) -> None:
    plan = make_plan(text, letters, Questions(ctx=32))
    (bos,) = letters.prefix
    ids = [bos, *letters.encode(WORDS, parse_special=False)]
    expected = list(cut_windows(ids, 32, bos))
    assert [one.ids.tolist() for one in windows_of(plan)] == [one.ids.tolist() for one in expected]
    assert [one.scored.tolist() for one in windows_of(plan)] == [one.scored.tolist() for one in expected]
    assert plan.dropped == {"tokens of a tail that fills no window": 361 % 32}


def test_a_few_windows_are_spread_over_the_text(text: DataSet, letters: Tokenizer) -> None:
    every = windows_of(make_plan(text, letters, Questions(ctx=32)))
    plan = make_plan(text, letters, Questions(ctx=32, windows=3))
    few = windows_of(plan)
    assert [one.ids.tolist() for one in few] == [every[at].ids.tolist() for at in (0, 3, 7)]
    assert plan.dropped["windows, since 3 were asked for"] == len(every) - 3


def test_rows_of_a_calibration_file_are_cut_each_on_its_own(chat: DataSet, chatml: Tokenizer) -> None:
    windows = windows_of(make_plan(chat, chatml, Questions(ctx=128)))
    row = chatml.encode(chat.passages[0].text, parse_special=True)
    count = len(row) // 128
    assert count >= 3
    assert np.concatenate([one.ids for one in windows[:count]]).tolist() == row[: count * 128]
    assert {one.document for one in windows[:count]} == {chat.passages[0].documents[0]}
    assert {(one.source, one.group) for one in windows} == {("talk", "talk"), ("weather", "tools")}


def test_whole_rows_score_every_token_but_the_first(chat: DataSet, chatml: Tokenizer) -> None:
    windows = windows_of(make_plan(chat, chatml, Questions(ctx=None, score="all")))
    assert [len(one.ids) - len(one.scored) for one in windows] == [1] * len(chat.passages)


def test_whole_rows_score_the_assistants_turns(chat: DataSet, chatml: Tokenizer) -> None:
    windows = windows_of(make_plan(chat, chatml, Questions(ctx=None, score="assistant")))
    for one in windows:
        turns = chatml.decode(one.targets.tolist()).split("<|im_end|>")
        begins = ("Answer",) if one.source == "talk" else ("<tool_call>", "No.")
        # The last one is a turn that the row's end cuts off, or nothing.
        assert all(turn.startswith(begins) for turn in turns[:-1])
        assert len(turns) > 1


def test_rows_without_a_turn_are_counted(tmp_path: Path, chatml: Tokenizer) -> None:
    talk = "<|im_start|>user\nOne?<|im_end|>\n<|im_start|>assistant\nTwo.<|im_end|>\n"
    rows = "".join(json.dumps({"text": text}) + "\n" for text in ("no turns", talk))
    (tmp_path / "rows.jsonl").write_text(rows)
    data = open_data(str(tmp_path / "rows.jsonl"), as_rows=True)
    plan = make_plan(data, chatml, Questions(ctx=None, score="assistant"))
    (window,) = windows_of(plan)
    assert chatml.decode(window.targets.tolist()) == "Two.<|im_end|>"
    assert plan.dropped == {"rows without a turn of the assistant": 1}


def test_data_without_a_window_is_refused(
    text: DataSet, chat: DataSet, letters: Tokenizer, chatml: Tokenizer
) -> None:
    with pytest.raises(
        RecipeError, match=r"^--data a\.txt: has no window of 512 tokens: its longest text has 361$"
    ):
        make_plan(text, letters, Questions())
    with pytest.raises(
        RecipeError,
        match=r"^--data chat\.calibration\.jsonl: has no window of 2,048 tokens: its longest row ",
    ):
        make_plan(chat, chatml, Questions(ctx=2048))
    for score, lacks in (("assistant", "row with a turn of the assistant"), ("all", "row of two tokens")):
        rows = replace(chat, passages=(Passage(text="", starts=(0,), documents=("row 1",)),))
        with pytest.raises(RecipeError, match=rf": has no {lacks}$"):
            make_plan(rows, chatml, Questions(ctx=None, score=score))


def test_rows_of_a_single_token_are_counted(chat: DataSet, chatml: Tokenizer) -> None:
    empty = Passage(text="", starts=(0,), documents=("row 7",))
    rows = replace(chat, passages=(*chat.passages, empty))
    plan = make_plan(rows, chatml, Questions(ctx=None, score="all"))
    assert (len(windows_of(plan)), plan.dropped) == (6, {"rows of a single token": 1})


# --- continuations -------------------------------------------------------------------------------


def test_prompts_of_a_text_are_spread_over_it(text: DataSet, letters: Tokenizer) -> None:
    plan = make_plan(text, letters, Questions(ctx=64, generate=(Generation(16, 4),), prompts=2))
    prompts = prompts_of(plan)
    ids = [letters.prefix[0], *letters.encode(WORDS, parse_special=False)]
    assert [(one.window.ids.tolist()[1:], one.length, one.window.task) for one in prompts] == [
        (ids[start + 1 : start + 16], 4, "generate 16:4") for start in (0, 11 * 16)
    ]
    assert {one.window.ids[0] for one in prompts} == set(letters.prefix)


def test_prompts_of_rows_are_their_beginnings(chat: DataSet, chatml: Tokenizer) -> None:
    plan = make_plan(chat, chatml, Questions(ctx=128, generate=(Generation(16, 4), Generation(32, 8))))
    prompts = prompts_of(plan)
    assert [one.window.task for one in prompts] == ["generate 16:4"] * 6 + ["generate 32:8"] * 6
    beginnings = [chatml.encode(one.text, parse_special=True)[:16] for one in chat.passages]
    assert [one.window.ids.tolist() for one in prompts[:6]] == beginnings
    assert [one.window.document for one in prompts[:6]] == [one.documents[0] for one in chat.passages]


def test_rows_that_are_shorter_than_a_prompt_are_counted(chat: DataSet, chatml: Tokenizer) -> None:
    short = Passage(text="One", starts=(0,), documents=("row 7",))
    rows = replace(chat, passages=(*chat.passages, short))
    plan = make_plan(rows, chatml, Questions(ctx=None, score="all", generate=(Generation(16, 4),)))
    assert plan.dropped == {"rows shorter than a prompt of 16 tokens": 1}


def test_prompts_longer_than_the_data_are_refused(text: DataSet, letters: Tokenizer) -> None:
    with pytest.raises(RecipeError, match=r"^--generate 512:1: a\.txt has no text of 512 tokens$"):
        make_plan(text, letters, Questions(ctx=64, generate=(Generation(512, 1),)))


def test_calls_are_asked_for_where_the_data_calls(chat: DataSet, chatml: Tokenizer) -> None:
    plan = make_plan(chat, chatml, Questions(ctx=128, calls=True))
    prompts = prompts_of(plan)
    assert len({one.window.ids.tobytes() for one in prompts}) == len(prompts) > 2
    for one in prompts:
        words = chatml.decode(one.window.ids.tolist())
        assert words.startswith("<|im_start|>system\n\n\nTools:")
        assert words.endswith("?<|im_end|>\n<|im_start|>assistant\n")
        assert words.count("<|im_start|>assistant") == 1
        number = words.partition("Rain in city ")[2].partition("?")[0]
        assert (one.window.task, one.window.source, one.window.document) == (
            CALLS, "weather", f"weather: weather.jsonl#{number}",
        )  # fmt: skip


def test_calls_need_a_calibration_file_that_calls(text: DataSet, letters: Tokenizer) -> None:
    with pytest.raises(RecipeError, match=r"^--calls: only a calibration file or holdout with its manifest "):
        make_plan(text, letters, Questions(ctx=64, calls=True))


def base_of(plan: Plan) -> Measurement:
    """Return a measurement of a plan whose model wrote nothing but token 7."""
    windows = [
        item if isinstance(item, Window) else item.extend(np.full(item.length, 7, dtype=np.int32))
        for item in plan.items
    ]
    return Measurement(INFO, windows, random_scores(windows, 2, vocabulary=300))


def test_what_a_base_wrote_is_followed(chat: DataSet, chatml: Tokenizer) -> None:
    asked = Questions(ctx=128, generate=(Generation(16, 4),), calls=True, prompts=2)
    base = base_of(make_plan(chat, chatml, asked))
    plan = make_plan(chat, chatml, Questions(ctx=128), base)
    followed, own = windows_of(plan), prompts_of(plan)
    assert [(one.task, one.ids.tolist(), one.scored.tolist()) for one in followed] == [
        (one.task, one.ids.tolist(), one.scored.tolist()) for one in base.windows
    ]
    assert [one.window.task for one in own] == [OWN_CALLS, OWN_CALLS]
    prompts = [one for one in followed if one.task == CALLS]
    assert [one.window.ids.tolist() for one in own] == [one.ids.tolist()[: one.scored[0]] for one in prompts]


def test_a_base_of_other_windows_is_not_followed(text: DataSet, letters: Tokenizer) -> None:
    base = base_of(make_plan(text, letters, Questions(ctx=32, generate=(Generation(16, 4),))))
    with pytest.raises(OutputError) as raised:
        make_plan(text, letters, Questions(ctx=64), base)
    assert str(raised.value) == (
        "--follow: it measured 11 windows, and these are 5 or others: give the same --data, --ctx, --score "
        "and --windows"
    )


def test_a_base_that_wrote_nothing_is_not_followed(text: DataSet, letters: Tokenizer) -> None:
    base = base_of(make_plan(text, letters, Questions(ctx=32)))
    assert {one.task for one in base.windows} == {TEXT}
    with pytest.raises(
        OutputError, match=r"^--follow: its model wrote nothing; measure it with --generate or "
    ):
        make_plan(text, letters, Questions(ctx=32), base)


def test_a_plan_is_known_by_everything_that_is_asked(text: DataSet, letters: Tokenizer) -> None:
    asked = Questions(ctx=32, generate=(Generation(16, 4),), prompts=3)
    digests = {
        make_plan(text, letters, one).sha256
        for one in (
            asked,
            Questions(ctx=32),
            Questions(ctx=16),
            Questions(ctx=32, generate=(Generation(16, 5),)),
        )
    }
    assert len(digests) == 4
    assert make_plan(text, letters, asked).sha256 in digests
    assert make_plan(text, letters, asked).longest == 32
