"""Every conversation that is not refused reads back, for templates in the manner of eleven model families.

The readers know the families' formats and nothing of calibset. Texts are equal if they are the same
characters; where a family's template trims a text (`Family.trims`), they are equal without the white space at
their ends. Arguments, schemas and results in JSON are equal if they are the same values in the same order, 1,
1.0 and true apart; GLM writes texts in arguments without quotes, so that "1" and 1 are the same to it.
SentencePiece, which marks blanks with "▁", can't tell that letter from a blank.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
import tokenizers
from hypothesis import given

from calibset.core.control_tokens import ControlTokens
from calibset.core.documents import Conversation, Message
from calibset.hygiene.admission import admit
from calibset.hygiene.stats import ReadStats
from calibset.tokenizers import load_tokenizer
from calibset.tokenizers.chat_templates.base import RenderedConversation, RenderError
from calibset.tokenizers.chat_templates.jinja import JinjaTemplate
from calibset.tokenizers.chat_templates.loading import load_template
from tests.tokenizers.chat_templates.families.dialogues import conversations
from tests.tokenizers.chat_templates.families.family import FAMILIES, Family, read_row, write_family
from tests.tokenizers.chat_templates.families.reading import ReadCall, Reading, ReadTool, ReadTurn, one_way

pytest.importorskip("transformers")


@dataclass(frozen=True)
class Loaded:
    """A family with its template as calibset loads it, and its engine as anybody does."""

    family: Family
    template: JinjaTemplate
    engine: tokenizers.Tokenizer

    def __repr__(self) -> str:
        return self.family.name


# Joined by those whose formats calibset does not serve whole yet.
_LATER = ("kimi_k2", "harmony", "deepseek_r1")


@pytest.fixture(
    scope="module", params=[f for f in FAMILIES if f.name not in _LATER], ids=lambda family: family.name
)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    family: Family = request.param
    folder = write_family(family, tmp_path_factory.mktemp(family.name))
    template = load_template(load_tokenizer(str(folder)), "jinja")
    assert isinstance(template, JinjaTemplate)
    assert template.notes == ()
    return Loaded(family, template, tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")))


def admitted(conversation: Conversation, template: JinjaTemplate) -> Conversation:
    """Return the conversation as a build hands it on: control tokens in its texts broken apart."""
    control = ControlTokens.of(template.tokenizer.special_tokens)
    (item,) = admit([conversation], ReadStats(), control)
    assert isinstance(item, Conversation)
    return item


def read_back(loaded: Loaded, rendered: RenderedConversation) -> Reading:
    """Read a rendered conversation, with the BOS that the tokenizer adds."""
    ids = loaded.engine.encode(rendered.text).ids
    assert ids == [*rendered.bos_ids, *rendered.token_ids]
    return read_row(loaded.family, loaded.engine, ids)


def expected(family: Family, conversation: Conversation, names: Mapping[str, str]) -> Reading:
    """Return what a reader finds if nothing is lost but what the family has no place for."""
    turns: list[ReadTurn] = []
    opening, called = "", 0
    for message in conversation.messages:
        content = message.content.strip() if message.role in family.trims else message.content
        if message.role == "system" and family.folds_system:
            opening = content.replace("▁", " ") + "\n\n"
            continue
        calls = tuple(
            ReadCall(name=names.get(call.name, call.name), arguments=arguments_of(family, call.arguments))
            for call in message.tool_calls
        )
        thoughts = ""
        if calls and family.words_beside_calls == "as thoughts":
            thoughts = content
        called += bool(calls)
        if calls and family.words_beside_calls == "once":
            content = content if called == 1 else ""
        elif calls and family.words_beside_calls != "kept":
            content = ""
        if family.pieces:
            content = content.replace("▁", " ")
        if opening:
            content, opening = (opening + content).strip(), ""
        turns.append(ReadTurn(role=message.role, content=content, thoughts=thoughts, calls=calls))
    tools = tuple(
        ReadTool(
            name=names.get(tool.name, tool.name),
            description=tool.description,
            parameters=one_way(json.loads(tool.parameters)),
        )
        for tool in conversation.tools
    )
    return Reading(turns=tuple(turns), tools=tools if family.declares else ())


def arguments_of(family: Family, arguments: str) -> str:
    table = json.loads(arguments)
    if family.spells_texts:
        table = {key: value if isinstance(value, str) else one_way(value) for key, value in table.items()}
    return one_way(table)


def comparable(family: Family, reading: Reading) -> Reading:
    """Return a reading without ids, and without white space that the template adds or takes."""
    turns = []
    for turn in reading.turns:
        content = turn.content.strip() if turn.role in family.trims else turn.content
        calls = tuple(replace(call, id="") for call in turn.calls)
        turns.append(replace(turn, content=content, calls=calls, answers=""))
    return replace(reading, turns=tuple(turns))


def is_beyond(family: Family, conversation: Conversation) -> bool:
    """Return whether the family's format has no place for a conversation."""
    calling = [message for message in conversation.messages if message.tool_calls]
    most = max((len(message.tool_calls) for message in calling), default=0)
    if family.calls == "none" and conversation.tools:
        return True
    if family.calls == "one" and most > 1:
        return True
    if family.alternates and not do_alternate(conversation.messages):
        return True
    if repeats_tools(family, conversation):
        return True
    called = {call.name for message in calling for call in message.tool_calls}
    return not family.declares and not called.issuperset(tool.name for tool in conversation.tools)


def repeats_tools(family: Family, conversation: Conversation) -> bool:
    """Return whether a template that puts the tools before the last question takes another for the last."""
    questions = [message.content for message in conversation.messages if message.role == "user"]
    return family.name == "mistral7" and bool(conversation.tools) and questions.count(questions[-1]) > 1


def do_alternate(messages: tuple[Message, ...]) -> bool:
    speaking = [m.role for m in messages if m.role in ("user", "assistant") and not m.tool_calls]
    return all(role == ("user", "assistant")[index % 2] for index, role in enumerate(speaking))


@given(conversation=conversations(greets=False))
def test_what_is_not_refused_reads_back(loaded: Loaded, conversation: Conversation) -> None:
    family = loaded.family
    conversation = admitted(conversation, loaded.template)
    if is_beyond(family, conversation):
        with pytest.raises(RenderError):
            loaded.template.render(conversation)
        return
    rendered = loaded.template.render(conversation)
    reading = read_back(loaded, rendered)
    names = {own: valid for valid, own in rendered.renamed_tools}
    assert comparable(family, reading) == expected(family, conversation, names)
    check_ids(conversation, reading)


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
