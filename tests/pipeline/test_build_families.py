"""Conversations of a JSON Lines file, read back from the rows of a build for models of several families."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calibset.core.documents import Conversation, Message
from calibset.pipeline.build import build
from calibset.recipe.loader import load_recipe
from calibset.tokenizers import load_tokenizer
from tests.tokenizers.chat_templates.families.dialogues import (
    TURN_MARKS,
    admit_conversation,
    conversations,
    write_row,
)
from tests.tokenizers.chat_templates.families.expected import comparable, expect, is_beyond
from tests.tokenizers.chat_templates.families.family import FAMILIES, Family, read_row, write_family

pytest.importorskip("transformers")

RECIPE = """\
name = "families"
nsamples = 3
seqlen = 4096
tokenizer = "model"
max_rejected = 1.0
hygiene.duplicates = "keep"
chat.format = "jinja"
groups.talk = 1.0
[sources.talk]
group = "talk"
type = "chat"
where = "talk.jsonl"
"""
PLAIN = Conversation(
    id="",
    messages=(
        Message(role="user", content="Why?"),
        Message(role="assistant", content="Well, " + "because " * 40),
    ),
)
# No BOS, and nothing that ends a turn; BOS from the tokenizer; EOS after each turn.
WHOLE_TURNS = {
    "glm45": r"<\|assistant\|>.*?(?=<\|user\|>|<\|observation\|>|<\|assistant\|>|<\|endoftext\|>)",
    "llama31": r"<\|start_header_id\|>assistant<\|end_header_id\|>.*?<\|eot_id\|>",
    "qwen3": r"<\|im_start\|>assistant\n.*?<\|im_end\|>",
}
"""An assistant's turn that is whole, for some families."""
# Behind a word this reads as a call in words, whose exchange is left out and counted.
CALL_IN_WORDS = re.compile(r'\{"a": 1\}')
FEW = [family for family in FAMILIES if family.name in WHOLE_TURNS]


@pytest.mark.parametrize("family", FEW, ids=lambda family: family.name)
@given(drawn=st.lists(conversations(TURN_MARKS), min_size=8, max_size=8))
@settings(max_examples=2)
def test_whole_conversations_of_a_row_read_back(
    tmp_path_factory: pytest.TempPathFactory, family: Family, drawn: list[Conversation]
) -> None:
    check_build(tmp_path_factory.mktemp("build"), family, drawn)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@given(drawn=st.lists(conversations(TURN_MARKS), min_size=8, max_size=8))
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_whole_conversations_of_many_rows_read_back(
    tmp_path_factory: pytest.TempPathFactory, family: Family, drawn: list[Conversation]
) -> None:
    check_build(tmp_path_factory.mktemp("build"), family, drawn)


def check_build(folder: Path, family: Family, drawn: list[Conversation]) -> None:
    """Build rows of some conversations and of plain ones, and read the whole ones of each row back."""
    (folder / "model").mkdir()
    write_family(family, folder / "model")
    tokenizer = load_tokenizer(str(folder / "model"))
    talks = {
        f"conversation-{number:04}": number_questions(talk, number)
        for number, talk in enumerate([*drawn, *[PLAIN] * 50])
    }
    rows = [json.dumps(write_row(talk, name)) for name, talk in talks.items()]
    (folder / "talk.jsonl").write_text("\n".join(rows), "utf-8")
    (folder / "recipe.toml").write_text(RECIPE)
    made = build(load_recipe(folder / "recipe.toml"))
    (source,) = made.manifest.sources
    engine = tokenizer.parsing_engine
    whole = [(sample, span) for sample in made for span in sample.documents if span.whole and not span.filler]
    for sample, span in whole:
        if any(CALL_IN_WORDS.search(message.content) for message in talks[span.document].messages):
            continue
        talk = admit_conversation(talks[span.document], tokenizer)
        names = {own: valid for valid, own in source.tool_names.get(span.document, {}).items()}
        reading = read_row(family, engine, engine.encode(sample.text[span.start : span.end]).ids)
        assert comparable(family, reading) == expect(family, talk, names)
    if family.name in WHOLE_TURNS:
        visible = [engine.decode(list(ids), skip_special_tokens=False) for ids in made.input_ids]
        turns = [len(re.findall(f"(?s){WHOLE_TURNS[family.name]}", text)) for text in visible]
        assert turns == [sample.complete_turns for sample in made]
    refused = {name for name, talk in talks.items() if is_beyond(family, talk)}
    assert refused.isdisjoint(span.document for _, span in whole)
    assert len(whole) > len(made)


def number_questions(talk: Conversation, number: int) -> Conversation:
    """Return a conversation unlike any other; sources take the white space around thoughts off."""
    messages = []
    for message in talk.messages:
        content = f"{number}. {message.content}" if message.role == "user" else message.content
        messages.append(replace(message, content=content, reasoning=message.reasoning.strip()))
    return replace(talk, messages=tuple(messages))
