"""Conversations as a model's own Jinja chat template writes them, rendered by transformers."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from calibset.chat.names import names_of, renamed, valid_call_id
from calibset.chat.template import Rendered, RenderError, Turn
from calibset.document import Conversation, Message
from calibset.errors import TokenizerError
from calibset.tokenizers.base import Tokenizer
from calibset.tokenizers.huggingface import HuggingFaceTokenizer

__all__ = ["JinjaTemplate", "jinja_template"]

# Templates that write today's date would give other bytes tomorrow. This is the date that Llama 3's
# own template falls back to, a Friday.
_TODAY = {
    "%d": "26", "%b": "Jul", "%B": "July", "%m": "07", "%Y": "2024", "%y": "24", "%a": "Fri", "%A": "Friday",
    "%H": "00", "%M": "00", "%S": "00",
}  # fmt: skip
_REPLACED = "".join(f".replace({code!r}, {value!r})" for code, value in _TODAY.items())
# On a line of its own, whose end the block before it takes, so that the template's first line stays first.
_SAME_DAY = f"{{% macro strftime_now(format) %}}{{{{ format{_REPLACED} }}}}{{% endmacro %}}\n"


@dataclass(frozen=True, slots=True)
class JinjaTemplate:
    """A chat template of Hugging Face's kind.

    A conversation ends with EOS, which is added where the template doesn't write it. The BOS
    that a template writes stands between two conversations of a row; before a row it stands
    only if the quantizer's tokenizer adds none.

    Attributes:
        tokenizer: What the quantizer will read the row with.
        apply: Renders messages in Hugging Face's form.
    """

    tokenizer: HuggingFaceTokenizer
    apply: Callable[..., str] = field(repr=False, compare=False)

    def render(self, conversation: Conversation) -> Rendered:
        """Return the conversation as the model reads it, without a prompt for a further turn.

        Raises:
            RenderError: The template refuses it.
        """
        opening = self._opening
        text = self._text(conversation, len(conversation.messages)).removeprefix(opening)
        if self._eos and not text.rstrip().endswith(self._eos):
            text += self._eos
        encoded = self.tokenizer.encode_with_ends(text, parse_special=True)
        return Rendered(
            id=conversation.id,
            text=text,
            token_ids=tuple(encoded.ids),
            turns=tuple(self._turns(conversation, opening + text, len(opening), encoded.ends)),
            opening_text=opening,
            opening_ids=tuple(self.tokenizer.encode(opening, parse_special=True)),
            names=renamed(conversation),
        )

    @property
    def _eos(self) -> str:
        return self.tokenizer.named_tokens.get("eos_token", "")

    @property
    def _opening(self) -> str:
        """The BOS that the quantizer's tokenizer adds, as text."""
        spelled = {rank: token for token, rank in self.tokenizer.special_tokens.items()}
        return "".join(spelled.get(rank, "") for rank in self.tokenizer.prefix)

    def _text(self, conversation: Conversation, count: int, *, prompt: bool = False) -> str:
        """Render the first messages, up to a count."""
        names = names_of(conversation)
        messages = [_message(conversation.id, message, names) for message in conversation.messages[:count]]
        try:
            return self.apply(messages, tools=_tools(conversation, names), add_generation_prompt=prompt)
        except Exception as error:  # a template may trip over whatever it doesn't expect
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise RenderError("refused by the chat template", reason) from error

    def _turns(self, conversation: Conversation, full: str, skipped: int, ends: list[int]) -> Iterator[Turn]:
        """Yield the assistant's turns, as far as the template writes a dialogue from front to back."""
        for place, message in enumerate(conversation.messages):
            if message.role != "assistant":
                continue
            try:
                before = self._text(conversation, place, prompt=True)
                behind = self._text(conversation, place + 1).rstrip()
            except RenderError:
                continue
            if full.startswith(before) and full.startswith(behind) and len(before) <= len(behind):
                start = bisect_left(ends, len(before) - skipped + 1)
                yield Turn(start, bisect_left(ends, len(behind) - skipped) + 1)


def jinja_template(tokenizer: Tokenizer) -> JinjaTemplate:
    """Return the template that stands beside a ``tokenizer.json``.

    Raises:
        TokenizerError: There is none, or transformers is not installed.
    """
    if not isinstance(tokenizer, HuggingFaceTokenizer) or not tokenizer.chat_template:
        raise TokenizerError(
            f"{tokenizer.name}: has no chat template, so conversations can't be rendered for it; put the "
            "model's chat_template.jinja or tokenizer_config.json beside its tokenizer.json"
        )
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # else it tells that PyTorch is not there
    try:
        from transformers import PreTrainedTokenizerFast
    except ImportError as error:
        raise TokenizerError(
            f"{tokenizer.name}: its chat template is rendered by transformers, which is not installed; "
            "pip install 'calibset[transformers]'"
        ) from error
    written = tokenizer.chat_template
    template = (
        _SAME_DAY + written
        if isinstance(written, str)
        else {name: _SAME_DAY + one for name, one in written.items()}
    )
    fast: Any = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer.parsing, chat_template=template, **tokenizer.named_tokens
    )

    def apply(messages: list[dict[str, Any]], **options: Any) -> str:
        return str(fast.apply_chat_template(messages, tokenize=False, **options))

    return JinjaTemplate(tokenizer, apply)


def _message(conversation: str, message: Message, names: dict[str, str]) -> dict[str, Any]:
    import json

    written: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.role == "tool":
        written["tool_call_id"] = valid_call_id(conversation, message.tool_call_id or "")
    if message.tool_calls:
        written["tool_calls"] = [
            {
                "id": valid_call_id(conversation, call.id),
                "type": "function",
                "function": {"name": names[call.name], "arguments": json.loads(call.arguments)},
            }
            for call in message.tool_calls
        ]
    return written


def _tools(conversation: Conversation, names: dict[str, str]) -> list[dict[str, Any]] | None:
    import json

    written = [
        {
            "type": "function",
            "function": {
                "name": names[tool.name],
                "description": tool.description,
                "parameters": json.loads(tool.parameters),
            },
        }
        for tool in conversation.tools
    ]
    return written or None
