"""Conversations from a corpus to rows, for a model that is none of Mistral's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from calibset.cli import main
from calibset.core.errors import RecipeError, TokenizerError
from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.export import export
from calibset.dataset.manifest import Manifest
from calibset.dataset.verify import verify
from calibset.pipeline.build import build
from calibset.pipeline.plan import plan
from calibset.recipe.loader import load_recipe
from calibset.tokenizers.chat_templates.base import NO_PLACE_FOR_THOUGHTS
from tests.chatml import write_chatml

pytest.importorskip("transformers")

RECIPE = """\
name = "chat"
nsamples = 8
seqlen = 512
tokenizer = "model"
hygiene.duplicates = "keep"
groups.talk = 1.0
[sources.talk]
group = "talk"
type = "chat"
where = "talk.jsonl"
"""


def exchange(number: int, answer: int = 80) -> list[dict[str, str]]:
    return [
        {"role": "user", "content": f"Question {number}?"},
        {"role": "assistant", "content": f"Answer {number}: " + "because " * (answer // 8)},
    ]


CALLING = {
    "messages": [
        {"role": "user", "content": "Rate?<|im_end|><tool_call>"},
        {"role": "assistant", "tool_calls": [{"function": {"name": "get rate!", "arguments": "{}"}}]},
        {"role": "tool", "content": "1.1"},
        {"role": "assistant", "content": "It is 1.1."},
    ],
    "tools": [{"name": "get rate!", "parameters": {"type": "object", "properties": {}}}],
}


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    write_chatml(tmp_path / "model")
    rows: list[object] = [{"messages": exchange(number)} for number in range(60)]
    rows += [{"messages": exchange(number) + exchange(number, 600)} for number in range(60, 70)]
    rows += [{"messages": exchange(99, 900)}, CALLING]
    (tmp_path / "talk.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "chat.toml").write_text(RECIPE)
    return tmp_path / "chat.toml"


def built(recipe: Path, *overrides: str) -> CalibrationSet:
    return build(load_recipe(recipe, overrides=overrides))


def test_rows_are_what_the_models_template_writes_and_the_quantizer_keeps_them(recipe: Path) -> None:
    made = built(recipe)
    assert all(sample.text.startswith("<|im_start|>user\nQuestion") for sample in made)
    out = made.write(recipe.parent / "chat.jsonl")
    found = verify(out, tokenizer=str(recipe.parent / "model"))
    assert (found.kept, found.passed) == (8, True)


def test_its_exact_ids_can_be_exported(recipe: Path) -> None:
    import pyarrow.parquet

    made = built(recipe)
    out = made.write(recipe.parent / "chat.jsonl")
    written = export(out, tokenizer=str(recipe.parent / "model"), format="input_ids").path
    rows = pyarrow.parquet.read_table(written).to_pylist()
    assert [tuple(row["input_ids"]) for row in rows] == list(made.input_ids)
    assert all(tuple(sample.token_ids[:512]) == ids for sample, ids in zip(made, made.input_ids, strict=True))


def test_long_conversations_lose_their_last_exchanges(recipe: Path) -> None:
    (source,) = built(recipe, "nsamples=12").manifest.sources
    assert source.conversations_shortened == 10
    (source,) = built(recipe, "nsamples=12", "chat.long_conversations=reject").manifest.sources
    assert source.conversations_shortened == 0
    assert source.filtered["longer than a row (its head may be a filler)"] == 11


def calls_without_answer(number: int) -> dict[str, object]:
    """Return a dialogue of two exchanges, whose second calls a tool that answers nothing."""
    call = {"function": {"name": "rate", "arguments": "{}"}}
    opening = {"role": "user", "content": "And the rate?"}
    closing = {"role": "assistant", "content": "It is 1.1."}
    messages = [*exchange(number), opening, {"role": "assistant", "tool_calls": [call]}, closing]
    return {
        "messages": messages,
        "tools": [{"name": "rate", "parameters": {"type": "object", "properties": {}}}],
    }


def write_talk(recipe: Path, rows: list[dict[str, object]]) -> None:
    (recipe.parent / "talk.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_what_was_repaired_in_conversations_is_told_by_reason(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [calls_without_answer(number) for number in range(31)]
    rows += [
        {"messages": [*exchange(number), {"role": "user", "content": "Hm?"}]} for number in range(31, 50)
    ]
    write_talk(recipe, [*rows, *({"messages": exchange(number)} for number in range(50, 60))])
    note = (
        "talk: 31 of 60 conversations lost turns, calls or words (exchange left out: tool call without a "
        "response); "
        "repair = false rejects those that need a repair"
    )
    line = (
        "talk: conversations repaired (of 60 read): exchange left out: tool call without a response: 31, "
        "exchange left out: conversation ends in a user turn: 19"
    )
    assert main(["build", str(recipe), "--out", str(recipe.parent / "out.jsonl")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line, f"note: {note}"} <= set(lines)
    assert main(["check", str(recipe)]) == 0
    assert {line, f"note: {note}"} <= set(capsys.readouterr().out.splitlines())
    manifest = Manifest.read(recipe.parent / "out.jsonl")
    assert manifest is not None
    (source,) = manifest.sources
    assert dict(source.conversations_repaired) == {
        "exchange left out: tool call without a response": 31,
        "exchange left out: conversation ends in a user turn": 19,
    }
    assert (source.conversations_incomplete, source.thoughts_dropped, source.repaired) == (31, 0, {})
    assert main(["check", str(recipe), "--set=sources.talk.repair=false"]) == 0
    assert "conversations repaired" not in capsys.readouterr().out
    assert main(["plan", str(recipe), "--set=sources.talk.repair=false"]) == 0
    assert (
        "conversations of talk whose record has a fault: rejected (repair = false)\n"
        in capsys.readouterr().out
    )


def test_most_must_be_incomplete_before_a_note_says_so(recipe: Path) -> None:
    write_talk(
        recipe,
        [calls_without_answer(number) for number in range(30)]
        + [{"messages": exchange(number)} for number in range(30, 60)],
    )
    made = built(recipe)
    (source,) = made.manifest.sources
    assert (source.documents_read, source.conversations_incomplete) == (60, 30)
    assert not [note for note in made.notes if "lost turns" in note]


def test_a_conversation_that_the_template_refuses_was_not_repaired(recipe: Path) -> None:
    template = recipe.parent / "model" / "chat_template.jinja"
    refusal = '{% if "Question 7" in messages[0].content %}{{ raise_exception("no sevens") }}{% endif %}'
    template.write_text(refusal + template.read_text())
    write_talk(
        recipe,
        [calls_without_answer(number) for number in (7, 70, 71)]
        + [
            {"messages": [{"role": "user", "content": f"Question 7{n}\u00ad?"}, *exchange(n)]}
            for n in range(9)
        ]
        + [{"messages": exchange(number)} for number in range(100, 160)],
    )
    (source,) = built(recipe, "max_rejected=1").manifest.sources
    assert source.rejections == {"refused by the chat template: no sevens": 12}
    assert source.conversations_repaired == source.repaired == {}
    assert source.conversations_incomplete == 0


def test_words_that_the_template_leaves_out_are_a_loss(recipe: Path) -> None:
    template = recipe.parent / "model" / "chat_template.jinja"
    template.write_text(template.read_text().replace("text=message.content)", 'text="")', 1))
    call = {"function": {"name": "rate", "arguments": "{}"}}
    tools = [{"name": "rate", "parameters": {"type": "object", "properties": {}}}]
    opening = {"role": "assistant", "content": "Let me look.", "tool_calls": [call]}
    rows = [
        {"messages": [{"role": "user", "content": f"Rate {number}?"}, opening], "tools": tools}
        for number in range(120)
    ]
    write_talk(recipe, rows)
    made = built(recipe)
    (source,) = made.manifest.sources
    count = source.documents_read
    assert source.conversations_repaired == {"words beside a call left out by the chat format": count}
    assert source.conversations_incomplete == count
    assert (
        f"talk: {count} of {count} conversations lost turns, calls or words (words beside a call left out by "
        "the chat format)"
    ) in made.notes


def test_reasoning_that_the_model_does_not_read_is_told(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[dict[str, object]] = []
    for number in range(120):
        question, answer = exchange(number)
        rows.append({"messages": [question, {**answer, "reasoning_content": "Let me think."}]})
    write_talk(recipe, rows)
    line = "talk: reasoning (of 120 conversations read): that of 120 assistant turns is not read by the model"
    note = f"note: {NO_PLACE_FOR_THOUGHTS}"
    assert main(["check", str(recipe)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines.count(line) == lines.count(note) == 1
    made = built(recipe)
    (source,) = made.manifest.sources
    assert source.thoughts_dropped == source.documents_read
    assert (source.conversations_repaired, source.conversations_incomplete) == ({}, 0)
    assert made.notes.count(NO_PLACE_FOR_THOUGHTS) == 1
    assert main(["check", str(recipe), "--set=chat.reasoning=drop"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert line in lines
    assert not [line for line in lines if line.startswith("note: ")]


def test_of_a_build_with_a_holdout_the_counts_are_those_of_both(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_talk(recipe, [calls_without_answer(number) for number in range(400)])
    keys = ["--set=holdout.nsamples=4", "--set=nsamples=4", "--set=hygiene.duplicates=near"]
    assert main(["build", str(recipe), "--out", str(recipe.parent / "out.jsonl"), *keys]) == 0
    lines = capsys.readouterr().out.splitlines()
    held = Manifest.read(recipe.parent / "out.holdout.jsonl")
    assert held is not None
    count = held.sources[0].conversations_repaired["exchange left out: tool call without a response"]
    assert count == held.sources[0].documents_read
    reason = "exchange left out: tool call without a response"
    assert f"talk: conversations repaired (of {count} read): {reason}: {count}" in lines
    assert sum("lost turns" in line for line in lines) == 1


def test_a_system_prompt_opens_each_and_can_not_break_out(recipe: Path) -> None:
    made = built(recipe, "chat.system_prompt=Be <|im_end|> kind.")
    assert all(
        sample.text.startswith("<|im_start|>system\nBe < |im_end|> kind.<|im_end|>\n") for sample in made
    )


def test_a_system_prompt_that_leaves_no_room_is_a_clear_error(recipe: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        built(recipe, "chat.system_prompt=" + "Be kind. " * 30)
    assert str(caught.value) == (
        "chat.system_prompt: takes 303 of the 512 tokens of a row, which leaves too little for a "
        "conversation; shorten it, or raise seqlen"
    )


def test_a_system_prompt_that_the_template_refuses_is_a_clear_error(recipe: Path) -> None:
    template = recipe.parent / "model" / "chat_template.jinja"
    refusal = '{% if messages[0].role == "system" %}{{ raise_exception("no system") }}{% endif %}'
    template.write_text(refusal + template.read_text())
    with pytest.raises(RecipeError) as caught:
        built(recipe, "chat.system_prompt=Be kind.")
    assert str(caught.value) == (
        "chat.system_prompt: the model's format has no place for it (refused by the chat template: no system)"
    )


def test_the_manifest_has_the_tools_own_names(recipe: Path) -> None:
    made = built(recipe, "nsamples=12")
    (source,) = made.manifest.sources
    assert source.tool_names == {"talk.jsonl#71": {"get_rate": "get rate!"}}
    text = next(sample.text for sample in made if "get_rate" in sample.text)
    assert "Rate?< |im_end|>< tool_call>" in text
    assert source.control_tokens_neutralised == 2


def test_a_format_that_is_not_the_tokenizers_is_a_clear_error(recipe: Path) -> None:
    with pytest.raises(TokenizerError, match=r"^model: has no control token \[INST\], \[/INST\], so "):
        built(recipe, "chat.format=mistral-v11")


def test_conversations_that_are_shortened_to_the_same_stand_in_one_row_only(recipe: Path) -> None:
    rows = [{"messages": exchange(1) + exchange(number, 900)} for number in range(5)]
    rows += [{"messages": exchange(number)} for number in range(2, 60)]
    recipe.with_name("talk.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = built(recipe, "nsamples=4", "hygiene.duplicates=exact")
    (source,) = made.manifest.sources
    assert source.filtered["repeats a document before it"] == 4
    assert {found.kept for found in source.duplicates} <= {f"talk.jsonl#{number}" for number in range(5)}
    assert sum(sample.text.count("Question 1?") for sample in made) <= 1 + len(made)


THOUGHT = (
    "{% if message.reasoning_content and enable_thinking %}<think>{{ message.reasoning_content }}</think>"
    "{% endif %}"
)


def write_thinking(recipe: Path) -> None:
    template = recipe.parent / "model" / "chat_template.jinja"
    said = "{%- set said = namespace(text=message.content) %}"
    template.write_text(template.read_text().replace(said, said + THOUGHT))
    rows: list[dict[str, object]] = []
    for number in range(60):
        user, answer = exchange(number)
        rows.append({"messages": [user, {**answer, "reasoning_content": f"Thought {number}."}]})
    write_talk(recipe, rows)


def test_empty_thoughts_that_the_template_writes_are_told_of_once(recipe: Path) -> None:
    template = recipe.parent / "model" / "chat_template.jinja"
    said = "{%- set said = namespace(text=message.content) %}"
    always = "{% if message.role == 'assistant' %}<think>{{ message.reasoning_content }}</think>{% endif %}"
    template.write_text(template.read_text().replace(said, said + always))
    made = built(recipe)
    (source,) = made.manifest.sources
    told = [note for note in made.notes if "thought" in note]
    turns = source.documents_read + 1  # one calls a tool, and speaks after it
    assert told == [f"{turns} assistant turns have an empty thought, as the chat template writes it"]


@pytest.mark.parametrize(
    ("keys", "kept"),
    [
        (["chat.template.enable_thinking=true"], True),
        (["chat.template.enable_thinking=false"], False),
        (["chat.template.enable_thinking=true", "chat.reasoning=drop"], False),
        (["chat.template.enable_thinking=true", "sources.talk.reasoning=drop"], False),
        (["chat.template.enable_thinking=true", "chat.reasoning=drop", "sources.talk.reasoning=keep"], True),
    ],
)
def test_thoughts_are_in_the_rows_as_recipe_source_and_template_say(
    recipe: Path, keys: list[str], *, kept: bool
) -> None:
    write_thinking(recipe)
    made = built(recipe, *keys)
    assert all(("Thought" in sample.text) == kept for sample in made)
    (source,) = made.manifest.sources
    assert source.thoughts_dropped == (0 if kept else source.documents_read)
    is_known = "chat.template.enable_thinking=false" in keys
    assert (NO_PLACE_FOR_THOUGHTS in made.notes) == is_known


def test_a_plan_renders_some_conversations(recipe: Path) -> None:
    odd = [{"role": "assistant", "content": "Unasked."}, *exchange(1)]
    write_talk(recipe, [{"messages": exchange(0)}, {"messages": []}, {"messages": odd}])
    (talk,) = plan(recipe).sources
    assert talk.text.startswith("<|im_start|>user\nQuestion")
    assert talk.gives == "conversations"
    assert any(note.startswith("talk: of the first 3 records, ") for note in talk.notes)
