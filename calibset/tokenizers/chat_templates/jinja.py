"""Conversations as a model's own Jinja chat template writes them, rendered by transformers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from calibset.core.documents import Conversation, Message
from calibset.core.errors import TokenizerError
from calibset.tokenizers.base import Encoded, Tokenizer
from calibset.tokenizers.chat_templates.base import (
    RenderedConversation,
    RenderError,
    TurnSpan,
    ensure_renderable,
    first_line,
)
from calibset.tokenizers.chat_templates.completeness import ensure_complete, placeholder_copy
from calibset.tokenizers.chat_templates.jinja_probe import ApplyTemplate, probe_template
from calibset.tokenizers.chat_templates.messages import MessageStyle, build_messages, build_tools
from calibset.tokenizers.chat_templates.tool_names import list_renamed, map_tool_names
from calibset.tokenizers.huggingface import HuggingFaceTokenizer
from calibset.tokenizers.transformers_import import import_transformers

# Templates that write today's date would give other bytes tomorrow. This is the date that Llama 3's
# own template falls back to, a Friday.
_DATE = {
    "%d": "26", "%b": "Jul", "%B": "July", "%m": "07", "%Y": "2024", "%y": "24", "%a": "Fri", "%A": "Friday",
    "%H": "00", "%M": "00", "%S": "00",
}  # fmt: skip
_REPLACEMENTS = "".join(f".replace({code!r}, {value!r})" for code, value in _DATE.items())
# On a line of its own, whose end the block before it takes, so that the template's first line stays first.
_FIXED_DATE = f"{{% macro strftime_now(format) %}}{{{{ format{_REPLACEMENTS} }}}}{{% endmacro %}}\n"


@dataclass(frozen=True, slots=True)
class JinjaTemplate:
    """A chat template of Hugging Face's kind.

    A conversation ends with EOS, which is added if the template doesn't write it. The BOS that a template
    writes is kept between two conversations of a row; at the start of a row only if the quantizer's
    tokenizer adds none.

    Attributes:
        tokenizer: The tokenizer that the quantizer will read the row with.
        apply: Renders messages with the template.
        keeps_control_tokens: Whether letters such as ``<|im_end|>`` in a turn may become control tokens.
        style: How the template takes messages.
        declares_tools: Whether it writes the tools on offer, and not only calls.
        notes: Warnings for users of the template with this tokenizer.
    """

    tokenizer: HuggingFaceTokenizer
    apply: ApplyTemplate = field(repr=False, compare=False)
    keeps_control_tokens: bool
    style: MessageStyle
    declares_tools: bool
    notes: tuple[str, ...]

    def render(self, conversation: Conversation) -> RenderedConversation:
        """Return the conversation as the model reads it, without a prompt for another turn.

        Raises:
            RenderError: The template refuses the conversation or leaves a part of it out, or a text in
                it would become a control token.
        """
        ensure_renderable(conversation)
        names = map_tool_names(conversation, dots=True)
        text = self._write(conversation, names)
        encoded = self.tokenizer.encode_with_ends(text, parse_special=True)
        copy = placeholder_copy(conversation, self.tokenizer.special_tokens)
        copy_text = self._write(copy, names)
        ensure_complete(copy_text, copy, names, declares_tools=self.declares_tools)
        meant = self._control_ids(self._encode(copy_text))
        if not self.keeps_control_tokens and self._control_ids(encoded.ids) != meant:
            raise RenderError("a text spells a control token")
        return RenderedConversation(
            id=conversation.id,
            text=text,
            token_ids=tuple(encoded.ids),
            turns=tuple(self._find_turns(conversation, names, text, encoded)),
            bos_text=self._bos,
            bos_ids=tuple(self._encode(self._bos)),
            renamed_tools=list_renamed(names),
        )

    @property
    def _bos(self) -> str:
        """The BOS that the quantizer's tokenizer adds, as text."""
        spellings = {rank: token for token, rank in self.tokenizer.special_tokens.items()}
        return "".join(spellings.get(rank, "") for rank in self.tokenizer.prefix)

    def _write(self, conversation: Conversation, names: dict[str, str]) -> str:
        try:
            messages = build_messages(conversation, names, self.style)
            tools = build_tools(conversation, names)
        except ValueError as error:
            raise RenderError("arguments or parameters are no JSON", first_line(error)) from error
        text = self.apply(messages, tools=tools)
        # Blanks before a BOS of the template's own would keep it from being known as one.
        if self._bos and text.lstrip().startswith(self._bos):
            text = text.lstrip().removeprefix(self._bos)
        eos = self.tokenizer.eos
        return text if text.rstrip().endswith(eos) else text + eos

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, parse_special=True)

    def _control_ids(self, ids: Iterable[int]) -> list[int]:
        control = set(self.tokenizer.special_tokens.values())
        return [token for token in ids if token in control]

    def _find_turns(
        self, conversation: Conversation, names: dict[str, str], text: str, encoded: Encoded
    ) -> Iterator[TurnSpan]:
        """Yield the spans of the assistant's turns; the token that ends the last turn ends each of them."""
        end_mark = self._control_ids(encoded.ids)[-1:]
        at = 0
        for message in conversation.messages:
            landmark = next((mark for mark in _landmarks(message, names) if text.find(mark, at) >= 0), None)
            if landmark is None:
                continue  # the template wrote it otherwise
            begin = text.find(landmark, at)
            at = begin + len(landmark)
            start, after = (bisect_left(encoded.ends, offset) for offset in (begin + 1, at))
            if message.role == "assistant" and end_mark and end_mark[0] in encoded.ids[after:]:
                yield TurnSpan(start, encoded.ids.index(end_mark[0], after) + 1)


def jinja_template(
    tokenizer: Tokenizer, *, keeps_control_tokens: bool = False, allow_unknown_markers: bool = False
) -> JinjaTemplate:
    """Return the chat template in the folder of a ``tokenizer.json``.

    Markers such as ``<|im_end|>`` that the tokenizer reads as plain text are an error unless allowed.
    """
    if not isinstance(tokenizer, HuggingFaceTokenizer) or not tokenizer.chat_template:
        raise TokenizerError(
            f"{tokenizer.name}: has no chat template, so conversations can't be rendered for it; put the "
            "model's chat_template.jinja or tokenizer_config.json next to its tokenizer.json"
        )
    apply = _load_template(tokenizer, tokenizer.chat_template)
    return JinjaTemplate(
        tokenizer,
        apply,
        keeps_control_tokens,
        *probe_template(apply, tokenizer, allow_unknown_markers=allow_unknown_markers),
    )


def _load_template(tokenizer: HuggingFaceTokenizer, template: str | dict[str, str]) -> ApplyTemplate:
    """Return what renders messages with a template, as transformers does; it must be installed."""
    try:
        import jinja2

        transformers = import_transformers()
    except ImportError as error:
        raise TokenizerError(
            f"{tokenizer.name}: its chat template is rendered by transformers, which is not installed; "
            "pip install 'calibset[transformers]'"
        ) from error
    if isinstance(template, str):
        dated: str | dict[str, str] = _FIXED_DATE + template
    else:
        dated = {name: _FIXED_DATE + text for name, text in template.items()}
    fast: Any = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.parsing_engine, chat_template=dated, **tokenizer.named_tokens
    )

    def apply(messages: list[dict[str, Any]], **options: Any) -> str:
        try:
            return str(fast.apply_chat_template(messages, tokenize=False, **options))
        except jinja2.TemplateSyntaxError as error:
            line = error.lineno - _FIXED_DATE.count("\n")
            raise TokenizerError(f"{tokenizer.template_location}: line {line}: {error.message}") from error
        except Exception as error:  # a template may trip over whatever it doesn't expect
            raise RenderError("refused by the chat template", first_line(error)) from error

    return apply


def _landmarks(message: Message, names: dict[str, str]) -> Iterator[str]:
    """Yield the texts by which a turn can be found: its content, or the first tool that it calls."""
    if content := message.content.strip():
        yield content
    if message.tool_calls:
        yield names[message.tool_calls[0].name]
