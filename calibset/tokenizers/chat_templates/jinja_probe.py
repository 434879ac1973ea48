"""A chat template tried on made-up conversations before it renders those of a corpus.

Many faults belong to the template or the tokenizer and not to a row: a template that can't be used, a
tokenizer without the tokens that the template writes. They are reported once, before the first row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import NamedTuple

from calibset.core.documents import Conversation, Message, Role, Tool, ToolCall
from calibset.core.errors import TokenizerError
from calibset.core.text import dump_json
from calibset.tokenizers.chat_templates.base import RenderError
from calibset.tokenizers.chat_templates.completeness import ensure_complete, placeholder, placeholder_copy
from calibset.tokenizers.chat_templates.messages import MessageStyle, build_messages, build_tools
from calibset.tokenizers.huggingface import HuggingFaceTokenizer

ApplyTemplate = Callable[..., str]
"""Renders messages as `build_messages` returns them.

Raises `RenderError` if the template refuses them, and `TokenizerError` if it is not a valid template.
"""

# <|im_end|>; as DeepSeek has it, with full-width bars; as EXAONE has it, in square brackets.
_MARKER = re.compile("[<\\[][|\uff5c][^<>|\uff5c\\s]{1,64}[|\uff5c][>\\]]")
# Gemma's and the oldest; other tags, such as <tools>, are letters on purpose.
_TAG = re.compile(r"<(?:start|end)_of_\w{1,64}>|</?s>|<[be]os>")
# Zephyr, Tulu and their like were trained to read a speaker's name between bars as plain text.
_SPEAKER = re.compile(r"<\|(?:system|user|human|assistant|bot|tool)\|>")
# How much of a template's text a note quotes.
_MOST_CHARACTERS = 60


def _plain(*roles: Role) -> Conversation:
    turns = tuple(Message(role=role, content="?") for role in roles)
    return placeholder_copy(Conversation(id="trial", messages=turns), ())


_PLAIN = (
    _plain("user", "assistant", "user", "assistant"),
    _plain("system", "user", "assistant", "user", "assistant"),
)
_NAME, _ARGUMENTS = "calibset_f", {"calibset1key": "calibset1value"}
_CALL = ToolCall(id="call_0", name=_NAME, arguments=dump_json(_ARGUMENTS))
_CALLING = Conversation(
    id="trial",
    messages=(
        Message(role="user", content=placeholder(0)),
        Message(role="assistant", content="", tool_calls=(_CALL,)),
    ),
    tools=(Tool(name=_NAME, description="Does it.", parameters='{"type": "object", "properties": {}}'),),
)


class TemplateTraits(NamedTuple):
    """The traits of a template that a probe finds.

    Attributes:
        style: How the template takes messages.
        declares_tools: Whether it writes the tools on offer, and not only calls.
        notes: Warnings for users of the template with this tokenizer.
    """

    style: MessageStyle
    declares_tools: bool
    notes: tuple[str, ...]


class _Written(NamedTuple):
    """A conversation and what the template wrote of it."""

    conversation: Conversation
    style: MessageStyle
    text: str


def probe_template(
    apply: ApplyTemplate, tokenizer: HuggingFaceTokenizer, *, allow_unknown_markers: bool = False
) -> TemplateTraits:
    """Try a chat template with the tokenizer that will read what it writes.

    It is an error if the template refuses a plain conversation, or if the tokenizer reads markers such as
    ``<|im_end|>`` as plain text, unless that is allowed.
    """
    plain = _write_plain(apply, tokenizer)
    style, call_text = _write_call(apply, plain.style)
    unknown = _find_unknown(_MARKER, plain.text, tokenizer)
    ends = [end for end in _find_turn_ends(plain, tokenizer) if not _has_control_token(end, tokenizer)]
    if unknown and not allow_unknown_markers and (ends or not all(map(_SPEAKER.fullmatch, unknown))):
        raise TokenizerError(
            f"{tokenizer.name}: has no token for {', '.join(unknown)}, which its chat template writes, so "
            "the model would read plain text; put the tokenizer.json and chat template of one model side by "
            'side, or set format = "jinja" in [chat] if it was trained to read plain text'
        )
    unknown += [*_find_unknown(_TAG, plain.text, tokenizer), *_find_unknown(_MARKER, call_text, tokenizer)]
    return TemplateTraits(style, call_text.count(_NAME) != 1, tuple(_write_notes(unknown, ends, tokenizer)))


def _write_notes(
    unknown: Sequence[str], ends: Sequence[str], tokenizer: HuggingFaceTokenizer
) -> Iterator[str]:
    if unknown:
        yield (
            f"the chat template writes {', '.join(dict.fromkeys(unknown))}, for which the tokenizer has no "
            "token: they are read as plain text"
        )
    if ends:
        yield (
            "assistant turns don't end in a control token: the tokenizer knows none in what the chat "
            f"template writes after them ({ends[0][:_MOST_CHARACTERS]!r})"
        )
    eos = tokenizer.named_tokens.get("eos_token", "")
    if eos != tokenizer.eos:
        yield f"the tokenizer has no token for its EOS, {eos}, so conversations don't end with it"


def _write_plain(apply: ApplyTemplate, tokenizer: HuggingFaceTokenizer) -> _Written:
    """Return a plain conversation as the template writes it, complete if there is a style for that."""
    attempts, refusals = [], []
    for content_parts, conversation in product((False, True), _PLAIN):
        style = MessageStyle(content_parts=content_parts)
        try:
            text = apply(build_messages(conversation, {}, style), tools=None)
        except RenderError as error:
            refusals.append(error.detail)
            continue
        attempts.append(_Written(conversation, style, text))
        if _is_complete(text, conversation):
            return attempts[-1]
    if not attempts:
        raise TokenizerError(f"{tokenizer.template_location}: refuses a plain dialogue: {refusals[0]}")
    return attempts[0]  # each conversation will be refused, since something of it is left out


def _write_call(apply: ApplyTemplate, style: MessageStyle) -> tuple[MessageStyle, str]:
    """Return the style in which a template writes a call, and its text; empty if it writes none."""
    names = {_NAME: _NAME}
    for candidate in (style, replace(style, arguments_as_text=True)):
        try:
            text = apply(build_messages(_CALLING, names, candidate), tools=build_tools(_CALLING, names))
        except RenderError:  # the next style, or else a corpus's conversations, will tell
            continue
        if _is_complete(text, _CALLING) and _holds_arguments(text, candidate):
            return candidate, text
    return style, ""


def _is_complete(text: str, conversation: Conversation) -> bool:
    names = {tool.name: tool.name for tool in conversation.tools}
    try:
        ensure_complete(text, conversation, names, declares_tools=False)
    except RenderError:
        return False
    return True


def _holds_arguments(text: str, style: MessageStyle) -> bool:
    """Return whether a text has a call's arguments, and nothing as Python would print it."""
    if style.arguments_as_text and _CALL.arguments not in text:
        return False
    return str(_ARGUMENTS) not in text and all(part in text for pair in _ARGUMENTS.items() for part in pair)


def _find_unknown(pattern: re.Pattern[str], text: str, tokenizer: HuggingFaceTokenizer) -> list[str]:
    """Return the matches of a pattern that the tokenizer reads as several tokens."""
    return [match for match in dict.fromkeys(pattern.findall(text)) if not tokenizer.has_token(match)]


def _find_turn_ends(written: _Written, tokenizer: HuggingFaceTokenizer) -> Iterator[str]:
    """Yield the text after an assistant's turn in the middle, and after the last turn."""
    text, last = written.text + tokenizer.eos, len(written.conversation.messages) - 1
    between, user_turn, _ = text.partition(placeholder(last - 2))[2].partition(placeholder(last - 1))
    if user_turn:
        yield between
    if placeholder(last) in text:
        yield text.rpartition(placeholder(last))[2]


def _has_control_token(text: str, tokenizer: HuggingFaceTokenizer) -> bool:
    control = tokenizer.special_tokens.values()
    return not set(control).isdisjoint(tokenizer.encode(text, parse_special=True))
