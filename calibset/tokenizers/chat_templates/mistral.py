"""Conversations as Mistral's models read them, rendered by mistral-common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from calibset.core.documents import Conversation
from calibset.core.errors import TokenizerError
from calibset.tokenizers import DEFAULT_TOKENIZER
from calibset.tokenizers.base import Tokenizer
from calibset.tokenizers.chat_templates.base import (
    CALLS_LEFT_OUT,
    NO_PLACE_FOR_THOUGHTS,
    RenderedConversation,
    RenderError,
    TurnSpan,
    ensure_renderable,
    first_line,
)
from calibset.tokenizers.chat_templates.messages import MessageStyle, build_messages, build_tools
from calibset.tokenizers.chat_templates.reasoning import count_thoughts, drop_thoughts
from calibset.tokenizers.chat_templates.tool_memory import remember_tools
from calibset.tokenizers.chat_templates.tool_names import list_renamed, map_tool_names
from calibset.tokenizers.engine_faults import translate_panics
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
    """Mistral's instruct format: v11, that of Mistral Small 3.2, unless the Tekken file names another.

    Attributes:
        tokenizer: The tokenizer that the quantizer will read the row with.
        tekken: The Tekken vocabulary that the conversation is rendered with.
        mistral: mistral-common's validator and renderer.
        keeps_control_tokens: Whether letters such as ``</s>`` in a turn may become control tokens.
        notes: Always empty.
    """

    tokenizer: Tokenizer
    tekken: TekkenTokenizer
    mistral: MistralTokenizer[Any, Any, Any, Any, Any] = field(repr=False, compare=False)
    keeps_control_tokens: bool = False
    notes: tuple[str, ...] = ()

    def render(self, conversation: Conversation) -> RenderedConversation:
        """Return the conversation as the model reads it, each assistant turn ended by EOS.

        Raises:
            RenderError: mistral-common's validator refuses the conversation, or its text does not read
                back to the same ids.
        """
        ensure_renderable(conversation)
        thoughts = count_thoughts(conversation)
        if not self._has_thoughts:
            conversation = drop_thoughts(conversation)
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
            left_out=self._find_left_out(conversation, ids),
            dropped_thoughts=thoughts - count_thoughts(conversation),
            notes=(NO_PLACE_FOR_THOUGHTS,) if thoughts and not self._has_thoughts else (),
        )

    def _find_left_out(self, conversation: Conversation, ids: Sequence[int]) -> tuple[str, ...]:
        """Name what the format leaves out: v2 has calls in the last exchange only."""
        calling = sum(bool(message.tool_calls) for message in conversation.messages)
        written = ids.count(self.tekken.special_tokens["[TOOL_CALLS]"]) if calling else 0
        return (CALLS_LEFT_OUT,) if written < calling else ()

    @property
    def _has_thoughts(self) -> bool:
        """Whether the format has control tokens for thoughts, as v13 of a reasoning model has."""
        is_written = getattr(self.mistral.instruct_tokenizer, "BEGIN_THINK", None) is not None
        return is_written and {"[THINK]", "[/THINK]"} <= set(self.tokenizer.special_tokens)

    def _encode(self, conversation: Conversation) -> list[int]:
        from mistral_common.exceptions import MistralCommonException
        from pydantic import ValidationError

        try:
            request = _build_request(conversation)
            with translate_panics(f"{self.tekken.name}: can't read a conversation"):
                return list(self.mistral.encode_chat_completion(request).tokens)
        except (MistralCommonException, ValidationError, ValueError, AssertionError, RecursionError) as error:
            raise RenderError(f"refused by mistral-common's validator: {first_line(error)}") from error


def is_mistral(tokenizer: Tokenizer) -> bool:
    """Return whether a tokenizer knows Mistral's control tokens for turns."""
    return {"[INST]", "[/INST]"} <= set(tokenizer.special_tokens)


def mistral_template(
    tokenizer: Tokenizer, version: str | None = None, *, keeps_control_tokens: bool = False
) -> MistralTemplate:
    """Return the template of an instruct version (``v7``, say) for Tekken or a ``tokenizer.json`` of it.

    Without a version, the tekken.json's is used, or else v11.
    """
    if not isinstance(tokenizer, TekkenTokenizer):
        _ensure_fit(tokenizer, version)
    tekken = tokenizer if isinstance(tokenizer, TekkenTokenizer) else load_embedded(DEFAULT_TOKENIZER)
    mistral = _mistral_tokenizer(tekken, version or tekken.tekkenizer.version.value)
    return MistralTemplate(tokenizer, tekken, mistral, keeps_control_tokens)


def _ensure_fit(tokenizer: Tokenizer, version: str | None) -> None:
    """Refuse a ``tokenizer.json`` that lacks control tokens of the version, v11 if none is named."""
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
    """Return the spellings of the control tokens among some ids."""
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
    validator = remember_tools(get_validator(version, ValidationMode.finetuning))
    return MistralTokenizer(instruct_tokenizer, validator, get_normalizer(version))


def _build_request(conversation: Conversation) -> Any:
    from mistral_common.protocol.instruct.request import ChatCompletionRequest

    names = map_tool_names(conversation)
    messages = build_messages(conversation, names, MessageStyle(arguments_as_text=True, reasoning="part"))
    for message in messages:
        if message["role"] == "assistant":
            message["content"] = message["content"] or None
    return ChatCompletionRequest.model_validate(
        {"messages": messages, "tools": build_tools(conversation, names)}
    )


def _find_turns(ids: Sequence[int], special: Mapping[str, int]) -> Iterator[TurnSpan]:
    """Yield the spans of the assistant's turns: from the end of a user turn or a result to EOS."""
    end = special["</s>"]
    openers = {special[s] for s in ("[/INST]", "[/TOOL_RESULTS]", "[/AVAILABLE_TOOLS]") if s in special}
    start = 0
    for index, token in enumerate(ids):
        if token in openers:
            start = index + 1
        elif token == end:
            yield TurnSpan(start, index + 1)
            start = index + 1
