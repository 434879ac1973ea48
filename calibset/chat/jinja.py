"""Conversations as a model's own Jinja chat template writes them, rendered by transformers."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from calibset.chat.names import names_of, renamed, valid_call_id
from calibset.chat.soundness import ensure_sound
from calibset.chat.template import Rendered, RenderError, Turn, with_texts
from calibset.document import Conversation, Message
from calibset.errors import TokenizerError
from calibset.tokenizers.base import Encoded, Tokenizer
from calibset.tokenizers.huggingface import HuggingFaceTokenizer
from calibset.tokenizers.quietly import quiet_transformers

__all__ = ["JinjaTemplate", "jinja_template"]

# What control tokens are spelled with beside letters and digits.
_MARKS = re.compile(r"[^\w\s]|_")
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
        parses: Whether letters such as ``<|im_end|>`` in a turn may become control tokens.
    """

    tokenizer: HuggingFaceTokenizer
    apply: Callable[..., str] = field(repr=False, compare=False)
    parses: bool = False

    def render(self, conversation: Conversation) -> Rendered:
        """Return the conversation as the model reads it, without a prompt for a further turn.

        Raises:
            RenderError: The template refuses it, or leaves something out; or a text in it would
                become a control token.
        """
        ensure_sound(conversation)
        opening = self._opening
        text = self._text(conversation)
        encoded = self.tokenizer.encode_with_ends(text, parse_special=True)
        if not self.parses and self._controls(encoded.ids) != self._controls_of_the_template(conversation):
            raise RenderError("a text spells a control token")
        return Rendered(
            id=conversation.id,
            text=text,
            token_ids=tuple(encoded.ids),
            turns=tuple(self._turns(conversation, text, encoded)),
            opening_text=opening,
            opening_ids=tuple(self.tokenizer.encode(opening, parse_special=True)),
            names=renamed(conversation),
        )

    @property
    def _opening(self) -> str:
        """The BOS that the quantizer's tokenizer adds, as text."""
        spelled = {rank: token for token, rank in self.tokenizer.special_tokens.items()}
        return "".join(spelled.get(rank, "") for rank in self.tokenizer.prefix)

    def _text(self, conversation: Conversation) -> str:
        names = names_of(conversation)
        try:
            messages = [_message(conversation.id, message, names) for message in conversation.messages]
            text = self.apply(messages, tools=_tools(conversation, names))
        except Exception as error:  # a template may trip over whatever it doesn't expect
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise RenderError("refused by the chat template", reason) from error
        if left_out := [name for name in names.values() if name not in text]:
            raise RenderError("the chat template leaves out tools or their calls", left_out[0])
        # Blanks before a BOS of the template's own would keep it from being known as one.
        if self._opening and text.lstrip().startswith(self._opening):
            text = text.lstrip().removeprefix(self._opening)
        eos = self.tokenizer.named_tokens.get("eos_token", "")
        return text if text.rstrip().endswith(eos) else text + eos

    def _controls(self, ids: Iterable[int]) -> list[int]:
        control = set(self.tokenizer.special_tokens.values())
        return [token for token in ids if token in control]

    def _controls_of_the_template(self, conversation: Conversation) -> list[int]:
        """Return the control tokens that it writes around texts which can spell none."""
        # "think" is nothing but a word, and yet what a template's own brackets make a control token of.
        cores = {_MARKS.sub("", spelling) for spelling in self.tokenizer.special_tokens}
        harmless = with_texts(
            conversation, lambda text: "x" if text.strip() in cores else _MARKS.sub("x", text)
        )
        text = self._text(harmless)
        return self._controls(self.tokenizer.encode(text, parse_special=True))

    def _turns(self, conversation: Conversation, text: str, encoded: Encoded) -> Iterator[Turn]:
        """Yield the assistant's turns: from what is said to what ends the last turn of all."""
        names = names_of(conversation)
        mark = self._controls(encoded.ids)[-1:]
        at = 0
        for message in conversation.messages:
            said = message.content.strip() or "".join(names[call.name] for call in message.tool_calls[:1])
            found = text.find(said, at)
            if found < 0:
                continue  # the template left it out, or wrote it otherwise
            at = found + len(said)
            start, behind = (bisect_left(encoded.ends, place) for place in (found + 1, at))
            if message.role == "assistant" and mark and mark[0] in encoded.ids[behind:]:
                yield Turn(start, encoded.ids.index(mark[0], behind) + 1)


def jinja_template(tokenizer: Tokenizer, *, keeps_control_tokens: bool = False) -> JinjaTemplate:
    """Return the template that stands beside a ``tokenizer.json``.

    Args:
        tokenizer: Of the model.
        keeps_control_tokens: Whether the recipe leaves control tokens in texts as they are.

    Raises:
        TokenizerError: There is none, or transformers is not installed.
    """
    if not isinstance(tokenizer, HuggingFaceTokenizer) or not tokenizer.chat_template:
        raise TokenizerError(
            f"{tokenizer.name}: has no chat template, so conversations can't be rendered for it; put the "
            "model's chat_template.jinja or tokenizer_config.json beside its tokenizer.json"
        )
    try:
        transformers = quiet_transformers()
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
    fast: Any = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.parsing, chat_template=template, **tokenizer.named_tokens
    )

    def apply(messages: list[dict[str, Any]], **options: Any) -> str:
        return str(fast.apply_chat_template(messages, tokenize=False, **options))

    return JinjaTemplate(tokenizer, apply, keeps_control_tokens)


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
