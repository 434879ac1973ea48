"""Every conversation that is not refused reads back, for templates in the manner of eleven model families.

The readers know the families' formats and nothing of calibset. Texts are equal if they are the same
characters; where a family's template trims a text (`Family.trims`), they are equal without the white space at
their ends. Arguments, schemas and results in JSON are equal if they are the same values in the same order, 1,
1.0 and true apart; GLM writes texts in arguments without quotes, so that "1" and 1 are the same to it.
SentencePiece, which marks blanks with "▁", can't tell that letter from a blank.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import tokenizers
from hypothesis import given

from calibset.core.documents import Conversation
from calibset.tokenizers import load_tokenizer
from calibset.tokenizers.chat_templates.base import WORDS_LEFT_OUT, RenderedConversation, RenderError
from calibset.tokenizers.chat_templates.jinja import JinjaTemplate
from calibset.tokenizers.chat_templates.loading import load_template
from tests.tokenizers.chat_templates.families.dialogues import admit_conversation, conversations
from tests.tokenizers.chat_templates.families.expected import comparable, expect, is_beyond, kept_thoughts
from tests.tokenizers.chat_templates.families.family import FAMILIES, Family, read_row, write_family
from tests.tokenizers.chat_templates.families.reading import Reading

pytest.importorskip("transformers")


@dataclass(frozen=True)
class Loaded:
    """A family with its template as calibset loads it, and its engine as anybody does."""

    family: Family
    template: JinjaTemplate
    engine: tokenizers.Tokenizer

    def __repr__(self) -> str:
        return self.family.name


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    family: Family = request.param
    folder = write_family(family, tmp_path_factory.mktemp(family.name))
    template = load_template(load_tokenizer(str(folder)), "jinja")
    assert isinstance(template, JinjaTemplate)
    assert template.notes == ()
    return Loaded(family, template, tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")))


@given(conversation=conversations())
def test_what_is_not_refused_reads_back(loaded: Loaded, conversation: Conversation) -> None:
    check(loaded, conversation)


def check(loaded: Loaded, conversation: Conversation) -> None:
    """Check that a conversation reads back whole, or is refused if the format has no place for it."""
    family, template = loaded.family, loaded.template
    conversation = admit_conversation(conversation, template.tokenizer)
    if is_beyond(family, conversation):
        with pytest.raises(RenderError):
            template.render(conversation)
        return
    rendered = template.render(conversation)
    ids = loaded.engine.encode(rendered.text).ids
    assert ids == [*rendered.bos_ids, *rendered.token_ids]
    reading = read_row(family, loaded.engine, ids)
    names = {own: valid for valid, own in rendered.renamed_tools}
    assert comparable(family, reading) == expect(family, conversation, names)
    thinking = sum(bool(message.reasoning) for message in conversation.messages)
    assert rendered.dropped_thoughts == thinking - len(kept_thoughts(family, conversation))
    assert rendered.left_out == ((WORDS_LEFT_OUT,) if lacks_words(conversation, reading) else ())
    check_turns(reading, rendered)
    check_ids(conversation, reading)


def lacks_words(conversation: Conversation, reading: Reading) -> bool:
    """Return whether the words of a turn that calls are nowhere in what a reader finds of the turn."""
    messages = [message for message in conversation.messages if message.role == "assistant"]
    turns = [turn for turn in reading.turns if turn.role == "assistant"]
    return any(
        message.content and message.content.strip() not in (turn.content.strip(), turn.thoughts.strip())
        for message, turn in zip(messages, turns, strict=True)
        if message.tool_calls
    )


def check_turns(reading: Reading, rendered: RenderedConversation) -> None:
    """Check that the assistant's turns begin and end where a reader finds them."""
    answers = [turn for turn in reading.turns if turn.role == "assistant"]
    bos = len(rendered.bos_ids)
    assert [turn.end + bos for turn in rendered.turns] == [answer.end for answer in answers]
    for turn, answer in zip(rendered.turns, answers, strict=True):
        assert answer.start <= turn.start + bos < answer.end


def check_ids(conversation: Conversation, reading: Reading) -> None:
    """Check that each result names the call that it answers, where the format writes ids."""
    wanted = [message.tool_call_id for message in conversation.messages if message.role == "tool"]
    named = [turn.answers for turn in reading.turns if turn.role == "tool"]
    own = [call.id for message in conversation.messages for call in message.tool_calls]
    read = [call.id for turn in reading.turns for call in turn.calls]
    if any(read):
        assert len(set(read)) == len(read)
        assert [read.index(call) for call in named] == [own.index(str(call)) for call in wanted]
