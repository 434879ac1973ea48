"""A chat template tried on made-up conversations before it renders those of a corpus.

Many faults belong to the template or the tokenizer and not to a row: a template that can't be used, a
tokenizer without the tokens that the template writes. They are reported once, before the first row.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any, NamedTuple, get_args

from calibset.core.control_tokens import ControlTokens
from calibset.core.documents import Conversation, Message, Role, Tool, ToolCall
from calibset.core.errors import TokenizerError
from calibset.tokenizers.chat_templates.base import RenderError, first_line
from calibset.tokenizers.chat_templates.completeness import (
    PLACEHOLDER,
    PlaceholderCopy,
    count_common_end,
    ensure_complete,
    find_kept_thoughts,
    placeholder,
    placeholder_copy,
)
from calibset.tokenizers.chat_templates.messages import MessageStyle, build_messages, build_tools
from calibset.tokenizers.chat_templates.reasoning import ReasoningKey
from calibset.tokenizers.chat_templates.turns import CallWriting
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
# As a key of a message, and not as a word of its own.
_READS_KEY = re.compile(r"[.'\"](?:reasoning_content|reasoning|thinking)\b")
# A template that was told not to think writes an empty thought of its own before the content.
_SECOND_THOUGHT = re.compile(r"</think>\s*<think>\s*thought")
# How much of a template's text a note quotes.
_MOST_CHARACTERS = 60


def _copy(*messages: Message, tools: tuple[Tool, ...] = ()) -> PlaceholderCopy:
    return placeholder_copy(Conversation(id="trial", messages=messages, tools=tools), ())


def _plain(*roles: Role) -> PlaceholderCopy:
    return _copy(*(Message(role=role, content="?") for role in roles))


_PLAIN = (
    _plain("user", "assistant", "user", "assistant"),
    _plain("system", "user", "assistant", "user", "assistant"),
)
_TOOLS = (Tool(name="f", description="Does it.", parameters='{"type": "object", "properties": {}}'),)
_USER = Message(role="user", content="?")
_SAID = Message(role="assistant", content=".")


def _calling(*ids: str) -> Message:
    calls = tuple(ToolCall(id=one, name="f", arguments='{"of": "it"}') for one in ids)
    return Message(role="assistant", content="", tool_calls=calls)


_OFFERING = _copy(_USER, _SAID, tools=_TOOLS)
_CALLING = _copy(_USER, _calling("call_0"), tools=_TOOLS)
_PARALLEL = _copy(_USER, _calling("call_0", "call_1"), tools=_TOOLS)
_ANSWERING = _copy(
    _USER, _calling("call_0"), Message(role="tool", content="1", tool_call_id="call_0"), _SAID, tools=_TOOLS
)
_THINKING = (
    _copy(_USER, replace(_SAID, reasoning="…")),
    _copy(_USER, replace(_calling("call_0"), reasoning="…"), tools=_TOOLS),
)
(_NAME,) = _CALLING.tools
_CALL = _CALLING.conversation.messages[1].tool_calls[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateTraits:
    """The traits of a template that a probe finds.

    Attributes:
        style: How the template takes messages.
        declares_tools: Whether it writes the tools on offer, and not only calls.
        calls: How it writes calls and their results.
        opening: What it says before a conversation that has no system turn.
        system_opening: What it says before the text of a system turn.
        headers: What it writes between turns, by the role that speaks next.
        ends_itself: Whether it ends conversations with EOS.
        notes: Warnings for users of the template with this tokenizer.
    """

    style: MessageStyle
    declares_tools: bool
    calls: CallWriting
    opening: str
    system_opening: str
    headers: Mapping[str, str]
    ends_itself: bool
    notes: tuple[str, ...]


class _Written(NamedTuple):
    """A conversation and what the template wrote of it."""

    copy: PlaceholderCopy
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
    style, call_text, declares_tools = _write_call(apply, plain.style)
    style = replace(_name_results(apply, style), reasoning=_find_reasoning(apply, style, tokenizer))
    unknown = _find_unknown(_MARKER, plain.text, tokenizer)
    turn_ends = list(_find_turn_ends(plain, tokenizer))
    ends = [end for end in turn_ends if not _find_controls(end, tokenizer)]
    if unknown and not allow_unknown_markers and (ends or not all(map(_SPEAKER.fullmatch, unknown))):
        raise TokenizerError(
            f"{tokenizer.name}: has no token for {', '.join(unknown)}, which its chat template writes, so "
            "the model would read plain text; put the tokenizer.json and chat template of one model side by "
            'side, or set format = "jinja" in [chat] if it was trained to read plain text'
        )
    unknown += [*_find_unknown(_TAG, plain.text, tokenizer), *_find_unknown(_MARKER, call_text, tokenizer)]
    opening, closing = _find_additions(plain, tokenizer)
    if plain.copy is not _PLAIN[0]:
        opening = ""
    notes = list(_write_notes(unknown, ends, tokenizer))
    if closing:
        notes.append(f"the chat template goes on after the last turn: {quote(closing)}")
    return TemplateTraits(
        style=style,
        declares_tools=declares_tools,
        calls=CallWriting(
            _find_call_marks(apply, style, turn_ends, tokenizer),
            max(0, _write(apply, _ANSWERING, style).count(_NAME) - call_text.count(_NAME)),
        ),
        opening=opening,
        system_opening=_find_system_opening(apply, style, tokenizer),
        headers=_find_headers(plain),
        ends_itself=plain.text.rstrip().endswith(tokenizer.eos or "\n"),
        notes=tuple(notes),
    )


def quote(text: str) -> str:
    """Return a template's text as a note quotes it: on one line, cut behind a word.

    Examples:
        >>> quote("You are  kind.")
        "'You are kind.'"
    """
    return repr(textwrap.shorten(text, _MOST_CHARACTERS, placeholder=" …"))


def find_idle_keywords(apply: ApplyTemplate, style: MessageStyle, keywords: Mapping[str, Any]) -> list[str]:
    """Return the texts, numbers and switches that change nothing in whole conversations.

    Many templates read ``enable_thinking`` only for the turn that the model is to write next.
    """
    # Where thoughts are looked for may depend on a keyword.
    keys: tuple[ReasoningKey, ...] = get_args(ReasoningKey)
    thinking = [(copy, replace(style, reasoning=key)) for copy, key in product(_THINKING, keys)]
    trials = [*((copy, style) for copy in (*_PLAIN, _ANSWERING)), *thinking]

    def write_all(values: Mapping[str, Any]) -> list[str]:
        return [_write(partial(apply, keywords=values), *trial) for trial in trials]

    given = write_all(keywords)
    idle = []
    for name, value in keywords.items():
        if not isinstance(value, str | int | float):
            continue
        without = {key: other for key, other in keywords.items() if key != name}
        another = {**keywords, name: _alter(value)}
        if given == write_all(without) == write_all(another):
            idle.append(name)
    return idle


def _alter(value: str | float) -> str | float:
    if isinstance(value, bool):
        return not value
    return f"{value}?" if isinstance(value, str) else value + 1


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
    for content_parts, copy in product((False, True), _PLAIN):
        style = MessageStyle(content_parts=content_parts)
        try:
            text = apply(build_messages(copy.conversation, {}, style), tools=None)
        except RenderError as error:
            refusals.append(first_line(error.__cause__ or error))
            continue
        attempts.append(_Written(copy, style, text))
        # A template that takes content for a text may print a list of parts as Python does.
        if _is_complete(text, copy) and not (content_parts and re.search("[\"']type[\"']", text)):
            return attempts[-1]
    if not attempts:
        raise TokenizerError(f"{tokenizer.template_location}: refuses a plain dialogue: {refusals[0]}")
    return attempts[0]  # each conversation will be refused, since something of it is left out


def _write(apply: ApplyTemplate, copy: PlaceholderCopy, style: MessageStyle) -> str:
    """Return a conversation as the template writes it; empty if it refuses it or leaves something out."""
    tools = build_tools(copy.conversation, copy.names)
    try:
        text = apply(build_messages(copy.conversation, copy.names, style), tools=tools)
    except RenderError:  # another style, or else a corpus's conversations, will tell
        return ""
    return text if _is_complete(text, copy) else ""


def _write_call(apply: ApplyTemplate, style: MessageStyle) -> tuple[MessageStyle, str, bool]:
    """Return the style in which a template writes a call, what it writes, and whether it declares tools.

    The text is empty if it writes no call.
    """
    declared = _write(apply, _OFFERING, style).count(_NAME)
    for null_content, as_text in product((False, True), repeat=2):
        found = replace(style, null_content=null_content, arguments_as_text=as_text)
        text = _write(apply, _CALLING, found)
        if text.count(_NAME) <= declared:  # the model can only tell from the id which tool is called
            found = replace(found, ids_name_tools=True)
            text = _write(apply, _CALLING, found)
        if text.count(_NAME) <= declared or not _holds_arguments(text, found):
            continue
        if null_content and "None" in text:
            continue
        without = replace(found, null_content=True)
        # What a template writes of an empty text but not of null is an empty turn before the call's.
        null_text = _write(apply, _CALLING, without)
        if null_text and "None" not in null_text and len(null_text) < len(text):
            return without, null_text, declared > 0
        return found, text, declared > 0
    return style, "", declared > 0


def _name_results(apply: ApplyTemplate, style: MessageStyle) -> MessageStyle:
    """Return the style with names in results if the template wants them, and has nothing in their place."""
    named = replace(style, results_name_tools=True)
    text, named_text = _write(apply, _ANSWERING, style), _write(apply, _ANSWERING, named)
    pieces = named_text.split(_NAME)
    without = (_NAME.join(pieces[:n]) + _NAME.join(pieces[n:]) for n in range(1, len(pieces)))
    return named if named_text and (not text or text in without) else style


def _find_reasoning(
    apply: ApplyTemplate, style: MessageStyle, tokenizer: HuggingFaceTokenizer
) -> ReasoningKey | None:
    """Return where the template looks for a turn's thoughts, if it has a place for them."""
    keys: tuple[ReasoningKey, ...] = get_args(ReasoningKey)
    for key, copy in product(keys, _THINKING):
        if key == "content" and (copy is not _THINKING[0] or not _reads_think_tags(tokenizer)):
            continue  # it would write them like any other words
        text = _write(apply, copy, replace(style, reasoning=key))
        is_printed = key == "part" and re.search("[\"']thinking[\"']", text)
        if find_kept_thoughts(text, copy) and not is_printed and not _SECOND_THOUGHT.search(text):
            return key
    return None


def _reads_think_tags(tokenizer: HuggingFaceTokenizer) -> bool:
    """Return whether thoughts belong between tags in the content: the tags are known, and no key is read.

    A template that reads a key, and does not write it now, was told not to.
    """
    template = tokenizer.chat_template or ""
    text = template if isinstance(template, str) else "\n".join(template.values())
    return not _READS_KEY.search(text) and ("</think>" in text or tokenizer.has_token("</think>"))


def _is_complete(text: str, copy: PlaceholderCopy) -> bool:
    try:
        ensure_complete(text, copy, declares_tools=False)
    except RenderError:
        return False
    return True


def _holds_arguments(text: str, style: MessageStyle) -> bool:
    """Return whether a text has a call's arguments as they are, and not as Python would print them."""
    return _CALL.arguments in text if style.arguments_as_text else "{'" not in text


def _find_unknown(pattern: re.Pattern[str], text: str, tokenizer: HuggingFaceTokenizer) -> list[str]:
    """Return the matches of a pattern that the tokenizer reads as several tokens."""
    return [match for match in dict.fromkeys(pattern.findall(text)) if not tokenizer.has_token(match)]


def _find_turn_ends(written: _Written, tokenizer: HuggingFaceTokenizer) -> Iterator[str]:
    """Yield the text after an assistant's turn in the middle, and after the last turn."""
    text, last = written.text + tokenizer.eos, len(written.copy.conversation.messages) - 1
    between, user_turn, _ = text.partition(placeholder(last - 2))[2].partition(placeholder(last - 1))
    if user_turn:
        yield between
    if placeholder(last) in text:
        yield text.rpartition(placeholder(last))[2]


def _find_headers(written: _Written) -> Mapping[str, str]:
    """Return what stands between turns, by the role that speaks next."""
    last = len(written.copy.conversation.messages) - 1
    headers = {}
    for role, index in (("user", last - 1), ("assistant", last - 2)):
        after = written.text.partition(placeholder(index - 1))[2]
        between, mark, _ = after.partition(placeholder(index))
        if mark:
            headers[role] = between
    return headers if len(headers) == 2 else {}


def _find_additions(written: _Written, tokenizer: HuggingFaceTokenizer) -> tuple[str, str]:
    """Return what a template says of its own before the first turn and after the last; empty for nothing.

    Names of roles and the like, which stand around every turn, are not meant.
    """
    text, last = written.text, len(written.copy.conversation.messages) - 1
    between, user_turn, _ = text.partition(placeholder(last - 2))[2].partition(placeholder(last - 1))
    opening, first_turn, _ = text.partition(placeholder(0))
    if not user_turn or not first_turn:
        return "", ""
    closing = text.rpartition(placeholder(last))[2]
    # As a whole, so that what two pieces have in common does not end inside a token.
    control = ControlTokens.of(tokenizer.special_tokens).pattern
    opening, between, closing = (control.sub("\n", piece) for piece in (opening, between, closing))
    opening = opening[: len(opening) - count_common_end(opening, between)].strip()
    closing = closing[count_common_end(closing[::-1], between[::-1]) :].strip()
    return (
        opening if re.search(r"\w", opening) else "",
        closing if re.search(r"\w", closing) else "",
    )


def _find_system_opening(apply: ApplyTemplate, style: MessageStyle, tokenizer: HuggingFaceTokenizer) -> str:
    """Return what a template says before the text of a system turn, the speaker's name excepted."""
    copy = _PLAIN[1]
    opening, _ = _find_additions(_Written(copy, style, _write(apply, copy, style)), tokenizer)
    opening = re.sub(r"^\W*system\b\W*", "", opening, flags=re.IGNORECASE)
    # One or two words are a header, such as <<SYS>>.
    return opening if len(re.findall(r"\w+", opening)) > 2 else ""


def _find_call_marks(
    apply: ApplyTemplate, style: MessageStyle, turn_ends: Iterable[str], tokenizer: HuggingFaceTokenizer
) -> frozenset[int]:
    """Return the control tokens of calls: between names and arguments, between calls, and behind them."""
    ends = {token for end in turn_ends for token in _find_controls(end, tokenizer)[:1]}
    marks: set[int] = set()
    for copy in (_CALLING, _PARALLEL):
        text = _write(apply, copy, style)
        leaves = [match for match in PLACEHOLDER.finditer(text) if match.group(1)]
        if not leaves:
            continue
        name = max(text.rfind(_NAME, 0, leaves[0].start()), 0)
        marks.update(_find_controls(text[name : leaves[-1].end()], tokenizer))
        behind = _find_controls(text[leaves[-1].end() :], tokenizer)
        own_end = next((index for index, token in enumerate(behind) if token in ends), 0)
        marks.update(behind[:own_end])
    return frozenset(marks - ends)


def _find_controls(text: str, tokenizer: HuggingFaceTokenizer) -> list[int]:
    control = tokenizer.control_ids
    return [token for token in tokenizer.encode(text, parse_special=True) if token in control]
