"""A chat template tried on dialogues of its own, before it is given a corpus's.

Many faults are the template's or the tokenizer's and no row's: a template that can't be used, a
tokenizer without the tokens that the template writes. They are told once, before the first row.
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
from calibset.tokenizers.chat_templates.completeness import ensure_complete, placeholder_copy, word
from calibset.tokenizers.chat_templates.messages import Form, messages_of, tools_of
from calibset.tokenizers.huggingface import HuggingFaceTokenizer

Apply = Callable[..., str]
"""Renders messages in Hugging Face's form.

Raises `RenderError` where the template refuses them, and `TokenizerError` if it is no template.
"""

# <|im_end|>; as DeepSeek has it, with full-width bars; as EXAONE has it, in square brackets.
_MARKER = re.compile("[<\\[][|\uff5c][^<>|\uff5c\\s]{1,64}[|\uff5c][>\\]]")
# Gemma's and the oldest; other tags, such as <tools>, are letters on purpose.
_TAG = re.compile(r"<(?:start|end)_of_\w{1,64}>|</?s>|<[be]os>")
# Zephyr, Tulu and their like were trained to read a speaker's name between bars as letters.
_SPEAKER = re.compile(r"<\|(?:system|user|human|assistant|bot|tool)\|>")
# What a note shows of what a template writes.
_MOST_CHARACTERS = 60


def _dialogue(*roles: Role) -> Conversation:
    turns = tuple(Message(role=role, content="?") for role in roles)
    return placeholder_copy(Conversation(id="trial", messages=turns), ())


_DIALOGUES = (
    _dialogue("user", "assistant", "user", "assistant"),
    _dialogue("system", "user", "assistant", "user", "assistant"),
)
_NAME, _ARGUMENTS = "calibset_f", {"calibset1key": "calibset1value"}
_CALL = ToolCall(id="call_0", name=_NAME, arguments=dump_json(_ARGUMENTS))
_CALLING = Conversation(
    id="trial",
    messages=(
        Message(role="user", content=word(0)),
        Message(role="assistant", content="", tool_calls=(_CALL,)),
    ),
    tools=(Tool(name=_NAME, description="Does it.", parameters='{"type": "object", "properties": {}}'),),
)


class TemplateTraits(NamedTuple):
    """What a trial shows.

    Attributes:
        form: How the template takes messages.
        declares: Whether it writes the tools on offer, and not only calls.
        notes: What whoever uses it with this tokenizer should know.
    """

    form: Form
    declares: bool
    notes: tuple[str, ...]


class _Written(NamedTuple):
    dialogue: Conversation
    form: Form
    text: str


def probe_template(apply: Apply, tokenizer: HuggingFaceTokenizer, *, lenient: bool = False) -> TemplateTraits:
    """Try a chat template with the tokenizer that will read what it writes.

    Args:
        apply: The template.
        tokenizer: Of the model.
        lenient: Whether markers such as ``<|im_end|>`` may be letters to the tokenizer.

    Raises:
        TokenizerError: The template refuses a plain dialogue, or is not the tokenizer's.
    """
    plain = _plain(apply, tokenizer)
    form, calling = _calling(apply, plain.form)
    unknown = _unknown(_MARKER, plain.text, tokenizer)
    ends = [end for end in _ends(plain, tokenizer) if not _has_control_token(end, tokenizer)]
    if unknown and not lenient and (ends or not all(map(_SPEAKER.fullmatch, unknown))):
        raise TokenizerError(
            f"{tokenizer.name}: has no token for {', '.join(unknown)}, which its chat template writes, so "
            "the model would read letters; put tokenizer.json and chat template of one model side by side, "
            'or set format = "jinja" in [chat] if it was trained to read letters'
        )
    unknown += [*_unknown(_TAG, plain.text, tokenizer), *_unknown(_MARKER, calling, tokenizer)]
    return TemplateTraits(form, calling.count(_NAME) != 1, tuple(_notes(unknown, ends, tokenizer)))


def _notes(unknown: Sequence[str], ends: Sequence[str], tokenizer: HuggingFaceTokenizer) -> Iterator[str]:
    if unknown:
        yield (
            f"the chat template writes {', '.join(dict.fromkeys(unknown))}, for which the tokenizer has no "
            "token: the model reads letters"
        )
    if ends:
        yield (
            "assistant turns end in no control token: the tokenizer knows none in what the chat template "
            f"writes behind them ({ends[0][:_MOST_CHARACTERS]!r})"
        )
    eos = tokenizer.named_tokens.get("eos_token", "")
    if eos != tokenizer.eos:
        yield f"the tokenizer has no token for its EOS, {eos}, so conversations don't end with it"


def _plain(apply: Apply, tokenizer: HuggingFaceTokenizer) -> _Written:
    """Return a plain dialogue as the template writes it, whole if there is a way."""
    written, refusals = [], []
    for in_parts, dialogue in product((False, True), _DIALOGUES):
        form = Form(in_parts=in_parts)
        try:
            text = apply(messages_of(dialogue, {}, form), tools=None)
        except RenderError as error:
            refusals.append(error.detail)
            continue
        written.append(_Written(dialogue, form, text))
        if _is_complete(text, dialogue):
            return written[-1]
    if not written:
        raise TokenizerError(f"{tokenizer.template_place}: refuses a plain dialogue: {refusals[0]}")
    return written[0]  # each conversation will be refused, since something of it is left out


def _calling(apply: Apply, form: Form) -> tuple[Form, str]:
    """Return the form in which a template writes a call, and what it writes; nothing if it writes none."""
    names = {_NAME: _NAME}
    for other in (form, replace(form, arguments_as_text=True)):
        try:
            text = apply(messages_of(_CALLING, names, other), tools=tools_of(_CALLING, names))
        except RenderError:  # the next form, or else a corpus's conversations, will tell
            continue
        if _is_complete(text, _CALLING) and _holds_arguments(text, other):
            return other, text
    return form, ""


def _is_complete(text: str, dialogue: Conversation) -> bool:
    try:
        ensure_complete(text, dialogue, {tool.name: tool.name for tool in dialogue.tools}, declares=False)
    except RenderError:
        return False
    return True


def _holds_arguments(text: str, form: Form) -> bool:
    """Return whether a text has a call's arguments, and nothing as Python would print it."""
    if form.arguments_as_text and _CALL.arguments not in text:
        return False
    return str(_ARGUMENTS) not in text and all(said in text for pair in _ARGUMENTS.items() for said in pair)


def _unknown(pattern: re.Pattern[str], text: str, tokenizer: HuggingFaceTokenizer) -> list[str]:
    """Return what a text holds of a pattern that the tokenizer reads as several tokens."""
    return [found for found in dict.fromkeys(pattern.findall(text)) if not tokenizer.has_token(found)]


def _ends(written: _Written, tokenizer: HuggingFaceTokenizer) -> Iterator[str]:
    """Yield what stands behind an assistant's turn in the middle, and behind the last."""
    text, last = written.text + tokenizer.eos, len(written.dialogue.messages) - 1
    middle = text.partition(word(last - 2))[2].partition(word(last - 1))
    if middle[1]:
        yield middle[0]
    if word(last) in text:
        yield text.rpartition(word(last))[2]


def _has_control_token(text: str, tokenizer: HuggingFaceTokenizer) -> bool:
    control = tokenizer.special_tokens.values()
    return not set(control).isdisjoint(tokenizer.encode(text, parse_special=True))
