"""Conversations as Mistral's models read them, rendered by mistral-common."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from calibset.core.documents import Conversation, Message
from calibset.core.errors import TokenizerError
from calibset.tokenizers import DEFAULT_TOKENIZER
from calibset.tokenizers.base import Tokenizer
from calibset.tokenizers.chat_templates.base import (
    RenderedConversation,
    RenderError,
    TurnSpan,
    ensure_renderable,
    first_line,
)
from calibset.tokenizers.chat_templates.tool_names import list_renamed, map_tool_names, valid_call_id
from calibset.tokenizers.tekken import TekkenTokenizer, load_embedded

if TYPE_CHECKING:
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

# The tokens that v11 writes; a tokenizer.json does not say its version, and one with thinking is of a later.
_NEEDED = (
    "<s>", "</s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]", "[CALL_ID]", "[ARGS]", "[TOOL_RESULTS]", "[TOOL_CONTENT]",
    "[/TOOL_RESULTS]",
)  # fmt: skip
_LATER = "[THINK]"


@dataclass(frozen=True, slots=True)
class MistralTemplate:
    """Mistral's instruct format; v11, that of Mistral Small 3.2, unless the Tekken file says another.

    Attributes:
        tokenizer: The one that the quantizer will read the row with.
        tekken: The Tekken vocabulary that the conversation is rendered with.
        parses: Whether letters such as ``</s>`` in a turn may become control tokens.
        notes: None.
    """

    tokenizer: Tokenizer
    tekken: TekkenTokenizer
    mistral: MistralTokenizer[Any, Any, Any, Any, Any] = field(repr=False, compare=False)
    keeps_control_tokens: bool = False
    notes: tuple[str, ...] = ()

    def render(self, conversation: Conversation) -> RenderedConversation:
        """Return the conversation as the model reads it, each assistant turn ended by EOS.

        Raises:
            RenderError: mistral-common's validator refuses it, or its text does not read back
                to the same ids.
        """
        ensure_renderable(conversation)
        ids = self._encode(conversation)[1:]
        text = self.tekken.decode(ids)
        read_ids = self.tekken.encode(text, parse_special=True)
        if read_ids != ids and not self.keeps_control_tokens:
            raise RenderError("text does not read back to the same ids")
        special = self.tokenizer.special_tokens
        if self.tokenizer is not self.tekken:
            controls = _spell_controls(read_ids, self.tekken.special_tokens)
            read_ids = self.tokenizer.encode(text, parse_special=True)
            if _spell_controls(read_ids, special) != controls:
                raise RenderError("the tokenizer reads other control tokens than the template wrote")
        return RenderedConversation(
            id=conversation.id,
            text=text,
            token_ids=tuple(read_ids),
            turns=tuple(_find_turns(read_ids, special)),
            bos_text="<s>",
            bos_ids=(special["<s>"],),
            renamed_tools=list_renamed(map_tool_names(conversation)),
        )

    def _encode(self, conversation: Conversation) -> list[int]:
        from mistral_common.exceptions import MistralCommonException
        from pydantic import ValidationError

        try:
            request = _build_request(conversation)
            return list(self.mistral.encode_chat_completion(request).tokens)
        except (MistralCommonException, ValidationError, ValueError, AssertionError, RecursionError) as error:
            raise RenderError("refused by mistral-common's validator", first_line(error)) from error


def is_mistral(tokenizer: Tokenizer) -> bool:
    """Return whether a tokenizer knows Mistral's control tokens for turns."""
    return {"[INST]", "[/INST]"} <= set(tokenizer.special_tokens)


def mistral_template(
    tokenizer: Tokenizer, version: str | None = None, *, keeps_control_tokens: bool = False
) -> MistralTemplate:
    """Return the template for a tokenizer that knows Mistral's control tokens.

    Args:
        tokenizer: Tekken, or a ``tokenizer.json`` converted from it.
        version: Of the instruct format, ``v7`` say; that of the tekken.json, else v11, if None.
        keeps_control_tokens: Whether the recipe leaves control tokens in texts as they are.

    Raises:
        TokenizerError: The tokenizer has no such tokens, or is of another version.
    """
    if not isinstance(tokenizer, TekkenTokenizer):
        _ensure_fit(tokenizer, version)
    tekken = tokenizer if isinstance(tokenizer, TekkenTokenizer) else load_embedded(DEFAULT_TOKENIZER)
    mistral = _mistral_tokenizer(tekken, version or tekken.tekkenizer.version.value)
    return MistralTemplate(tokenizer, tekken, mistral, keeps_control_tokens)


def _ensure_fit(tokenizer: Tokenizer, version: str | None) -> None:
    # Each version writes these; what else one writes is compared with what the tokenizer reads.
    needed = _NEEDED if version is None else ("<s>", "</s>", "[INST]", "[/INST]")
    missing = [token for token in needed if token not in tokenizer.special_tokens]
    if missing:
        raise TokenizerError(
            f"{tokenizer.name}: has no control token {', '.join(missing)}, so conversations can't be "
            "rendered for it; name another format in [chat], give the tekken.json of a Mistral instruct "
            "model, or use plain text sources"
        )
    if version is None and _LATER in tokenizer.special_tokens:
        raise TokenizerError(
            f"{tokenizer.name}: has the control token {_LATER}, so it is of a later instruct version than "
            "v11; say which with format in [chat], or give the model's tekken.json"
        )


def _spell_controls(ids: Sequence[int], special: Mapping[str, int]) -> list[str]:
    spellings = {rank: spelling for spelling, rank in special.items()}
    return [spellings[rank] for rank in ids if rank in spellings]


def _mistral_tokenizer(tekken: TekkenTokenizer, name: str) -> MistralTokenizer[Any, Any, Any, Any, Any]:
    from mistral_common.protocol.instruct.normalize import get_normalizer
    from mistral_common.protocol.instruct.validator import ValidationMode, get_validator
    from mistral_common.tokens.tokenizers import instruct
    from mistral_common.tokens.tokenizers.base import TokenizerVersion
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    cls = getattr(instruct, f"InstructTokenizerV{name.removeprefix('v').split('m')[0]}", None)
    if cls is None:
        raise TokenizerError(f"{tekken.name}: mistral-common renders no instruct format {name}")
    version = TokenizerVersion(name)
    try:
        instruct_tokenizer = cls(tekken.tekkenizer)
    except ValueError as error:  # a control token that the format writes is not there
        raise TokenizerError(f"{tekken.name}: is not of instruct format {name} ({error})") from error
    return MistralTokenizer(
        instruct_tokenizer, get_validator(version, ValidationMode.finetuning), get_normalizer(version)
    )


def _build_request(conversation: Conversation) -> Any:
    from mistral_common.protocol.instruct.request import ChatCompletionRequest

    names = map_tool_names(conversation)
    return ChatCompletionRequest(
        messages=[_build_message(conversation.id, message, names) for message in conversation.messages],
        tools=_build_tools(conversation, names) or None,
    )


def _build_tools(conversation: Conversation, names: Mapping[str, str]) -> list[Any]:
    from mistral_common.protocol.instruct.tool_calls import Function, Tool

    return [
        Tool(
            function=Function(
                name=names[tool.name], description=tool.description, parameters=json.loads(tool.parameters)
            )
        )
        for tool in conversation.tools
    ]


def _build_message(conversation: str, message: Message, names: Mapping[str, str]) -> Any:
    from mistral_common.protocol.instruct import messages as mistral
    from mistral_common.protocol.instruct.tool_calls import FunctionCall, ToolCall

    if message.role == "system":
        return mistral.SystemMessage(content=message.content)
    if message.role == "user":
        return mistral.UserMessage(content=message.content)
    if message.role == "tool":
        call_id = valid_call_id(conversation, message.tool_call_id or "")
        return mistral.ToolMessage(content=message.content, tool_call_id=call_id)
    calls = [
        ToolCall(
            id=valid_call_id(conversation, call.id),
            function=FunctionCall(name=names[call.name], arguments=call.arguments),
        )
        for call in message.tool_calls
    ]
    return mistral.AssistantMessage(content=message.content or None, tool_calls=calls or None)


def _find_turns(ids: Sequence[int], special: Mapping[str, int]) -> Iterator[TurnSpan]:
    """Yield where the assistant's turns stand: from behind a user turn or a result to EOS."""
    end = special["</s>"]
    openers = {special[s] for s in ("[/INST]", "[/TOOL_RESULTS]", "[/AVAILABLE_TOOLS]") if s in special}
    start = 0
    for index, token in enumerate(ids):
        if token in openers:
            start = index + 1
        elif token == end:
            yield TurnSpan(start, index + 1)
            start = index + 1
