"""Conversations as a model's own Jinja chat template writes them, rendered by transformers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from calibset.core.documents import Conversation, Message
from calibset.core.errors import TokenizerError
from calibset.tokenizers.base import Encoded, Tokenizer
from calibset.tokenizers.chat_templates.base import Rendered, RenderError, Turn, ensure_sound, reason_of
from calibset.tokenizers.chat_templates.completeness import ensure_complete, placeholder_copy
from calibset.tokenizers.chat_templates.jinja_probe import Apply, probe_template
from calibset.tokenizers.chat_templates.messages import TEXT, Form, messages_of, tools_of
from calibset.tokenizers.chat_templates.tool_names import names_of, renamed
from calibset.tokenizers.huggingface import HuggingFaceTokenizer
from calibset.tokenizers.transformers_import import quiet_transformers

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
        form: How the template takes messages.
        declares: Whether it writes the tools on offer, and not only calls.
        notes: What whoever uses it with this tokenizer should know.
    """

    tokenizer: HuggingFaceTokenizer
    apply: Apply = field(repr=False, compare=False)
    parses: bool = False
    form: Form = TEXT
    declares: bool = True
    notes: tuple[str, ...] = ()

    def render(self, conversation: Conversation) -> Rendered:
        """Return the conversation as the model reads it, without a prompt for a further turn.

        Raises:
            RenderError: The template refuses it, or leaves something out; or a text in it would
                become a control token.
        """
        ensure_sound(conversation)
        opening, names = self._opening, names_of(conversation, dots=True)
        text = self._text(conversation, names)
        encoded = self.tokenizer.encode_with_ends(text, parse_special=True)
        shadow = placeholder_copy(conversation, self.tokenizer.special_tokens)
        written = self._text(shadow, names)
        ensure_complete(written, shadow, names, declares=self.declares)
        if not self.parses and self._controls(encoded.ids) != self._controls(self._encoded(written)):
            raise RenderError("a text spells a control token")
        return Rendered(
            id=conversation.id,
            text=text,
            token_ids=tuple(encoded.ids),
            turns=tuple(self._turns(conversation, names, text, encoded)),
            opening_text=opening,
            opening_ids=tuple(self._encoded(opening)),
            names=renamed(names),
        )

    @property
    def _opening(self) -> str:
        """The BOS that the quantizer's tokenizer adds, as text."""
        spelled = {rank: token for token, rank in self.tokenizer.special_tokens.items()}
        return "".join(spelled.get(rank, "") for rank in self.tokenizer.prefix)

    def _text(self, conversation: Conversation, names: dict[str, str]) -> str:
        try:
            messages, tools = messages_of(conversation, names, self.form), tools_of(conversation, names)
        except ValueError as error:
            raise RenderError("arguments or parameters are no JSON", reason_of(error)) from error
        text = self.apply(messages, tools=tools)
        # Blanks before a BOS of the template's own would keep it from being known as one.
        if self._opening and text.lstrip().startswith(self._opening):
            text = text.lstrip().removeprefix(self._opening)
        eos = self.tokenizer.eos
        return text if text.rstrip().endswith(eos) else text + eos

    def _encoded(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, parse_special=True)

    def _controls(self, ids: Iterable[int]) -> list[int]:
        control = set(self.tokenizer.special_tokens.values())
        return [token for token in ids if token in control]

    def _turns(
        self, conversation: Conversation, names: dict[str, str], text: str, encoded: Encoded
    ) -> Iterator[Turn]:
        """Yield the assistant's turns: from what is said to what ends the last turn of all."""
        mark = self._controls(encoded.ids)[-1:]
        at = 0
        for message in conversation.messages:
            said = next((said for said in _said(message, names) if text.find(said, at) >= 0), None)
            if said is None:
                continue  # the template wrote it otherwise
            found = text.find(said, at)
            at = found + len(said)
            start, behind = (bisect_left(encoded.ends, place) for place in (found + 1, at))
            if message.role == "assistant" and mark and mark[0] in encoded.ids[behind:]:
                yield Turn(start, encoded.ids.index(mark[0], behind) + 1)


def jinja_template(
    tokenizer: Tokenizer, *, keeps_control_tokens: bool = False, lenient: bool = False
) -> JinjaTemplate:
    """Return the template that stands beside a ``tokenizer.json``.

    Args:
        tokenizer: Of the model.
        keeps_control_tokens: Whether the recipe leaves control tokens in texts as they are.
        lenient: Whether markers such as ``<|im_end|>`` that the template writes may be letters to the
            tokenizer.

    Raises:
        TokenizerError: There is none, or it can't be used with this tokenizer, or transformers is not
            installed.
    """
    if not isinstance(tokenizer, HuggingFaceTokenizer) or not tokenizer.chat_template:
        raise TokenizerError(
            f"{tokenizer.name}: has no chat template, so conversations can't be rendered for it; put the "
            "model's chat_template.jinja or tokenizer_config.json beside its tokenizer.json"
        )
    apply = _applied(tokenizer, tokenizer.chat_template)
    return JinjaTemplate(
        tokenizer, apply, keeps_control_tokens, *probe_template(apply, tokenizer, lenient=lenient)
    )


def _applied(tokenizer: HuggingFaceTokenizer, written: str | dict[str, str]) -> Apply:
    """Return what renders messages with a template, as transformers does.

    Raises:
        TokenizerError: transformers is not installed.
    """
    try:
        import jinja2

        transformers = quiet_transformers()
    except ImportError as error:
        raise TokenizerError(
            f"{tokenizer.name}: its chat template is rendered by transformers, which is not installed; "
            "pip install 'calibset[transformers]'"
        ) from error
    template = (
        _SAME_DAY + written
        if isinstance(written, str)
        else {name: _SAME_DAY + one for name, one in written.items()}
    )
    fast: Any = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.parsing, chat_template=template, **tokenizer.named_tokens
    )

    def apply(messages: list[dict[str, Any]], **options: Any) -> str:
        try:
            return str(fast.apply_chat_template(messages, tokenize=False, **options))
        except jinja2.TemplateSyntaxError as error:
            line = error.lineno - _SAME_DAY.count("\n")
            raise TokenizerError(f"{tokenizer.template_place}: line {line}: {error.message}") from error
        except Exception as error:  # a template may trip over whatever it doesn't expect
            raise RenderError("refused by the chat template", reason_of(error)) from error

    return apply


def _said(message: Message, names: dict[str, str]) -> Iterator[str]:
    """Yield by what a turn may be known: what it says, or the first tool that it calls."""
    if said := message.content.strip():
        yield said
    if message.tool_calls:
        yield names[message.tool_calls[0].name]
