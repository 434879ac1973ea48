"""Conversations as Mistral's models read them, rendered by mistral-common."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from calibset.chat.template import Rendered, RenderError, Turn
from calibset.document import Conversation, Message
from calibset.errors import TokenizerError
from calibset.tokenizers.base import Tokenizer
from calibset.tokenizers.tekken import TekkenTokenizer, embedded

if TYPE_CHECKING:
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

__all__ = ["MistralTemplate", "mistral_template", "valid_call_id", "valid_names"]

# mistral-common's validator accepts these names, and call ids of nine letters or digits.
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_NAME = 64
_ID_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# What v11 writes; a tokenizer.json does not say its version, and one with thinking is of a later.
_NEEDED = (
    "<s>", "</s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]", "[CALL_ID]", "[ARGS]", "[TOOL_RESULTS]", "[TOOL_CONTENT]",
    "[/TOOL_RESULTS]",
)  # fmt: skip
_LATER = "[THINK]"

# How deep a decoder can follow depends on the Python, so a bound of our own comes first.
_DEEPEST = 200
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACKETS = re.compile(r"[\[\]{}]")


@dataclass(frozen=True, slots=True)
class MistralTemplate:
    """Mistral's instruct format; v11, that of Mistral Small 3.2, unless the Tekken file says another.

    Attributes:
        tokenizer: What the quantizer will read the row with.
        tekken: What spells the conversation.
        parses: Whether letters such as ``</s>`` in a turn may become control tokens.
    """

    tokenizer: Tokenizer
    tekken: TekkenTokenizer
    mistral: MistralTokenizer[Any, Any, Any, Any, Any] = field(repr=False, compare=False)
    parses: bool = False

    def render(self, conversation: Conversation) -> Rendered:
        """Return the conversation as the model reads it, each assistant turn ended by EOS.

        Raises:
            RenderError: mistral-common's validator refuses it, or its text does not read back
                to the same ids.
        """
        _ensure_sound(conversation)
        ids = self._encoded(conversation)[1:]
        text = self.tekken.decode(ids)
        read = self.tekken.encode(text, parse_special=True)
        if read != ids and not self.parses:
            raise RenderError("text does not read back to the same ids")
        special = self.tokenizer.special_tokens
        if self.tokenizer is not self.tekken:
            controls = _controls(read, self.tekken.special_tokens)
            read = self.tokenizer.encode(text, parse_special=True)
            if _controls(read, special) != controls:
                raise RenderError("the tokenizer reads other control tokens than the template wrote")
        return Rendered(
            id=conversation.id,
            text=text,
            token_ids=tuple(read),
            turns=tuple(_turns(read, special)),
            opening_text="<s>",
            opening_ids=(special["<s>"],),
        )

    def _encoded(self, conversation: Conversation) -> list[int]:
        from mistral_common.exceptions import MistralCommonException
        from pydantic import ValidationError

        try:
            request = _request(conversation)
            return list(self.mistral.encode_chat_completion(request).tokens)
        except (MistralCommonException, ValidationError, ValueError, AssertionError, RecursionError) as error:
            detail = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise RenderError("refused by mistral-common's validator", detail) from error


def mistral_template(tokenizer: Tokenizer, *, keeps_control_tokens: bool = False) -> MistralTemplate:
    """Return the template for a tokenizer that knows Mistral's control tokens.

    Args:
        tokenizer: Tekken, or a ``tokenizer.json`` converted from it.
        keeps_control_tokens: Whether the recipe leaves control tokens in texts as they are.

    Raises:
        TokenizerError: The tokenizer has no such tokens.
    """
    if not isinstance(tokenizer, TekkenTokenizer):
        _ensure_v11(tokenizer)
    tekken = tokenizer if isinstance(tokenizer, TekkenTokenizer) else embedded("mistral-small-3.2")
    return MistralTemplate(tokenizer, tekken, _mistral_tokenizer(tekken), keeps_control_tokens)


def _ensure_sound(conversation: Conversation) -> None:
    """Refuse what mistral-common's validator lets through, or reads as the Python it runs on does."""
    for message in conversation.messages:
        if message.role == "assistant" and not (message.content.strip() or message.tool_calls):
            raise RenderError("empty assistant turn")
    calls = (call.arguments for message in conversation.messages for call in message.tool_calls)
    if any(map(_is_deep, (*calls, *(tool.parameters for tool in conversation.tools)))):
        raise RenderError("nested too deeply")


def _is_deep(text: str) -> bool:
    """Return whether JSON nests deeper than every Python's decoder can follow."""
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > _DEEPEST:
            return True
    return False


def _ensure_v11(tokenizer: Tokenizer) -> None:
    missing = [token for token in _NEEDED if token not in tokenizer.special_tokens]
    if missing:
        raise TokenizerError(
            f"{tokenizer.name}: has no control token {', '.join(missing)}, so conversations can't be "
            "rendered for it; use plain text sources, or the tekken.json of a Mistral instruct model"
        )
    if _LATER in tokenizer.special_tokens:
        raise TokenizerError(
            f"{tokenizer.name}: has the control token {_LATER}, so it is of a later instruct version than "
            "v11; give the model's tekken.json, which says which"
        )


def _controls(ids: Sequence[int], special: Mapping[str, int]) -> list[str]:
    spelled = {rank: spelling for spelling, rank in special.items()}
    return [spelled[rank] for rank in ids if rank in spelled]


def valid_names(names: Iterable[str]) -> dict[str, str]:
    """Map tool names to ones that the model's format allows, no two alike.

    Examples:
        >>> valid_names(["get_time", "User Feed (V2)", "User Feed [V2]"])
        {'get_time': 'get_time', 'User Feed (V2)': 'User_Feed_V2', 'User Feed [V2]': 'User_Feed_V2_2'}
    """
    ordered = list(dict.fromkeys(names))
    # A name that is valid already keeps itself, whoever comes first.
    taken = {name for name in ordered if _is_valid(name)}
    mapping = {}
    for name in ordered:
        mapping[name] = name if _is_valid(name) else _free_name(name, taken)
        taken.add(mapping[name])
    return mapping


def _is_valid(name: str) -> bool:
    return 0 < len(name) <= _LONGEST_NAME and not _NOT_IN_NAMES.search(name)


def _free_name(name: str, taken: set[str]) -> str:
    letters = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    plain = re.sub(r"_{2,}", "_", _NOT_IN_NAMES.sub("_", letters)).strip("_")[:_LONGEST_NAME] or "tool"
    candidate, number = plain, 1
    while candidate in taken:
        number += 1
        ending = f"_{number}"
        candidate = plain[: _LONGEST_NAME - len(ending)] + ending
    return candidate


def valid_call_id(conversation: str, call: str) -> str:
    """Return the nine letters or digits that stand for a call, the same in every run.

    Examples:
        >>> valid_call_id("row 1", "call_0")
        'pfSor6QcN'
    """
    number = int.from_bytes(blake2b(f"{conversation}\x1f{call}".encode(), digest_size=8).digest(), "big")
    letters = []
    for _ in range(9):
        number, digit = divmod(number, len(_ID_LETTERS))
        letters.append(_ID_LETTERS[digit])
    return "".join(letters)


def _mistral_tokenizer(tekken: TekkenTokenizer) -> MistralTokenizer[Any, Any, Any, Any, Any]:
    from mistral_common.protocol.instruct.normalize import get_normalizer
    from mistral_common.protocol.instruct.validator import ValidationMode, get_validator
    from mistral_common.tokens.tokenizers import instruct
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    version = tekken.tekkenizer.version
    number = version.value.removeprefix("v").split("m")[0]
    cls = getattr(instruct, f"InstructTokenizerV{number}", None)
    if cls is None:
        raise TokenizerError(f"{tekken.name}: mistral-common renders no instruct format {version.value}")
    return MistralTokenizer(
        cls(tekken.tekkenizer), get_validator(version, ValidationMode.finetuning), get_normalizer(version)
    )


def _request(conversation: Conversation) -> Any:
    from mistral_common.protocol.instruct.request import ChatCompletionRequest

    called = (call.name for message in conversation.messages for call in message.tool_calls)
    names = valid_names([*(tool.name for tool in conversation.tools), *called])
    return ChatCompletionRequest(
        messages=[_message(conversation.id, message, names) for message in conversation.messages],
        tools=_tools(conversation, names) or None,
    )


def _tools(conversation: Conversation, names: Mapping[str, str]) -> list[Any]:
    import json

    from mistral_common.protocol.instruct.tool_calls import Function, Tool

    return [
        Tool(
            function=Function(
                name=names[tool.name], description=tool.description, parameters=json.loads(tool.parameters)
            )
        )
        for tool in conversation.tools
    ]


def _message(conversation: str, message: Message, names: Mapping[str, str]) -> Any:
    from mistral_common.protocol.instruct import messages as mistral
    from mistral_common.protocol.instruct.tool_calls import FunctionCall, ToolCall

    if message.role == "system":
        return mistral.SystemMessage(content=message.content)
    if message.role == "user":
        return mistral.UserMessage(content=message.content)
    if message.role == "tool":
        answered = valid_call_id(conversation, message.tool_call_id or "")
        return mistral.ToolMessage(content=message.content, tool_call_id=answered)
    calls = [
        ToolCall(
            id=valid_call_id(conversation, call.id),
            function=FunctionCall(name=names[call.name], arguments=call.arguments),
        )
        for call in message.tool_calls
    ]
    return mistral.AssistantMessage(content=message.content or None, tool_calls=calls or None)


def _turns(ids: Sequence[int], special: Mapping[str, int]) -> Iterator[Turn]:
    """Yield the assistant's turns: from what ends a user turn or a result to EOS."""
    end = special["</s>"]
    before = {special[s] for s in ("[/INST]", "[/TOOL_RESULTS]", "[/AVAILABLE_TOOLS]") if s in special}
    start = 0
    for position, token in enumerate(ids):
        if token in before:
            start = position + 1
        elif token == end:
            yield Turn(start, position + 1)
            start = position + 1
