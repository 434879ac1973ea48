"""Conversations as a model's own Jinja chat template writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from calibset.core.documents import Conversation
from calibset.core.errors import TokenizerError
from calibset.tokenizers.base import Encoded, Tokenizer, spell_prefix
from calibset.tokenizers.chat_templates.alignment import AlignedText, align_texts
from calibset.tokenizers.chat_templates.base import (
    NO_PLACE_FOR_THOUGHTS,
    WORDS_LEFT_OUT,
    RenderedConversation,
    RenderError,
    ensure_renderable,
    first_line,
)
from calibset.tokenizers.chat_templates.completeness import (
    ensure_complete,
    ensure_speakers,
    find_kept_thoughts,
    leaves_out_words,
    placeholder,
    placeholder_copy,
    thought_placeholder,
)
from calibset.tokenizers.chat_templates.jinja_probe import (
    ApplyTemplate,
    find_idle_keywords,
    probe_template,
    quote,
)
from calibset.tokenizers.chat_templates.messages import MessageStyle, build_messages, build_tools
from calibset.tokenizers.chat_templates.reasoning import count_thoughts, drop_thoughts
from calibset.tokenizers.chat_templates.template_process import (
    InvalidTemplateError,
    TemplateProcess,
    TemplateRefusalError,
)
from calibset.tokenizers.chat_templates.tool_names import list_renamed, map_tool_names
from calibset.tokenizers.chat_templates.turns import CallWriting, RenderedCopy, find_turns
from calibset.tokenizers.folder_tokens import NAMED_TOKENS
from calibset.tokenizers.huggingface import HuggingFaceTokenizer

# The names of templates where there are several, as transformers takes them.
_DEFAULT = "default"
_FOR_TOOLS = "tool_use"
_EMPTY_THOUGHT = re.compile(r"<((?:\w+:)?think\w*)>\s*</\1>")


@dataclass(frozen=True, slots=True)
class JinjaTemplate:
    """A chat template of Hugging Face's kind.

    A conversation ends with EOS, which is added if the template never writes it. The BOS that a template
    writes is kept between two conversations of a row; at the start of a row only if the quantizer's
    tokenizer adds none.

    Attributes:
        tokenizer: The tokenizer that the quantizer will read the row with.
        apply: Renders messages with the template.
        keeps_control_tokens: Whether letters such as ``<|im_end|>`` in a turn may become control tokens.
        style: How the template takes messages.
        declares_tools: Whether it writes the tools on offer, and not only calls.
        calls: How it writes calls and their results.
        opening: What it says before a conversation that has no system turn.
        system_opening: What it says before the text of a system turn.
        headers: What it writes between turns, by the role that speaks next.
        ends_itself: Whether it ends conversations with EOS.
        notes: Warnings for users of the template with this tokenizer.
    """

    tokenizer: HuggingFaceTokenizer
    apply: ApplyTemplate = field(repr=False, compare=False)
    keeps_control_tokens: bool
    style: MessageStyle
    declares_tools: bool
    calls: CallWriting
    opening: str
    system_opening: str
    headers: Mapping[str, str]
    ends_itself: bool
    notes: tuple[str, ...]

    def render(self, conversation: Conversation) -> RenderedConversation:
        """Return the conversation as the model reads it, without a prompt for another turn.

        Thoughts for which the template has no place are left out and counted.

        Raises:
            RenderError: The template refuses the conversation, leaves a part of it out or changes it, or a
                text in it would become a control token.
        """
        ensure_renderable(conversation)
        thoughts = count_thoughts(conversation)
        attempts = [conversation if self.style.reasoning else drop_thoughts(conversation)]
        if thoughts and self.style.reasoning:
            # Some templates refuse thoughts beside words that lead to a call, or in other places.
            turns = enumerate(conversation.messages)
            alone = frozenset(index for index, turn in turns if not (turn.content and turn.tool_calls))
            attempts.append(drop_thoughts(conversation, keep=alone))
            attempts.append(drop_thoughts(conversation))
        faults: list[RenderError] = []
        for attempt in attempts:
            try:
                return self._render(attempt, thoughts)
            except RenderError as fault:
                faults.append(fault)
        raise faults[0]

    def _render(self, conversation: Conversation, thoughts: int) -> RenderedConversation:
        names = map_tool_names(conversation, dots=True)
        text = self._write(conversation, names)
        encoded = self.tokenizer.encode_with_ends(text, parse_special=True)
        copy = placeholder_copy(conversation, self.tokenizer.special_tokens)
        copy_text = self._write(copy.conversation, copy.names)
        ensure_complete(
            copy_text, copy, declares_tools=self.declares_tools, names_in_result=self.calls.names_in_result
        )
        ensure_speakers(copy_text, copy, self.headers)
        kept = find_kept_thoughts(copy_text, copy)
        if self.style.reasoning == "content" and len(kept) < count_thoughts(conversation):
            # What stands around a thought that the template cuts out of the content would be left.
            return self._render(drop_thoughts(conversation, keep=kept), thoughts)
        meant = self._find_controls(self.tokenizer.encode_with_ends(copy_text, parse_special=True))
        controls = self._find_controls(encoded)
        is_meant = [token for _, token in controls] == [token for _, token in meant]
        if not self.keeps_control_tokens and not is_meant:
            raise RenderError(
                "the chat template takes equal turns for one"
                if self._only_repeats(conversation)
                else "a text spells a control token"
            )
        aligned = align_texts(copy_text, text, _texts_by_placeholder(conversation))
        if is_meant:
            pairs = zip(meant, controls, strict=True)
            aligned = sorted([*aligned, *(AlignedText(a, a, b, b) for (a, _), (b, _) in pairs)])
        written = RenderedCopy(copy, copy_text, meant)
        turns = find_turns(written, self.calls, aligned, encoded, len(text))
        return RenderedConversation(
            id=conversation.id,
            text=text,
            token_ids=tuple(encoded.ids),
            turns=tuple(turns),
            bos_text=self._bos,
            bos_ids=tuple(self.tokenizer.encode(self._bos, parse_special=True)),
            renamed_tools=list_renamed(names),
            dropped_thoughts=thoughts - len(kept),
            empty_thoughts=len(_EMPTY_THOUGHT.findall(copy_text)),
            left_out=(WORDS_LEFT_OUT,) if leaves_out_words(copy_text, copy) else (),
            notes=tuple(self._note(conversation, thoughts)),
        )

    def _only_repeats(self, conversation: Conversation) -> bool:
        """Return whether turns are equal, which they are not in a copy, and none spells a control token."""
        turns = [(message.role, message.content) for message in conversation.messages]
        control = self.tokenizer.control_ids
        return len(set(turns)) < len(turns) and all(
            control.isdisjoint(self.tokenizer.encode(text, parse_special=True)) for _, text in turns
        )

    def _note(self, conversation: Conversation, thoughts: int) -> Iterator[str]:
        if thoughts and not self.style.reasoning:
            yield NO_PLACE_FOR_THOUGHTS
        if conversation.messages[0].role == "system":
            if self.system_opening:
                said = quote(self.system_opening)
                yield f"the chat template writes text of its own into system turns: {said}"
        elif self.opening:
            remedy = (
                "it stays, in part or whole, beside a system_prompt in [chat]"
                if self.system_opening
                else "system_prompt in [chat] replaces it"
            )
            yield (
                "conversations without a system turn begin with what the chat template says then: "
                f"{quote(self.opening)}; {remedy}"
            )

    @property
    def _bos(self) -> str:
        """The BOS that the quantizer's tokenizer adds, as text."""
        return spell_prefix(self.tokenizer)

    def _write(self, conversation: Conversation, names: Mapping[str, str]) -> str:
        try:
            messages = build_messages(conversation, names, self.style)
            tools = build_tools(conversation, names)
        except ValueError as error:
            raise RenderError("arguments or parameters are no JSON", first_line(error)) from error
        text = self.apply(messages, tools=tools)
        # Blanks before a BOS of the template's own would keep it from being known as one.
        if self._bos and text.lstrip().startswith(self._bos):
            text = text.lstrip().removeprefix(self._bos)
        # A template that writes EOS itself may end a call with another token.
        own_ends = tuple(self.tokenizer.special_tokens) if self.ends_itself else ()
        return text if text.rstrip().endswith((self.tokenizer.eos, *own_ends)) else text + self.tokenizer.eos

    def _find_controls(self, encoded: Encoded) -> list[tuple[int, int]]:
        """Return the control tokens of a text, each with the offset at which it ends."""
        control = self.tokenizer.control_ids
        pairs = zip(encoded.ends, encoded.ids, strict=True)
        return [(end, token) for end, token in pairs if token in control]


def jinja_template(
    tokenizer: Tokenizer,
    *,
    keeps_control_tokens: bool = False,
    allow_unknown_markers: bool = False,
    keywords: Mapping[str, Any] | None = None,
) -> JinjaTemplate:
    """Return the chat template in the folder of a ``tokenizer.json``.

    Markers such as ``<|im_end|>`` that the tokenizer reads as plain text are an error unless allowed. The
    template reads the keywords (``enable_thinking``, say) as it does in service.
    """
    if not isinstance(tokenizer, HuggingFaceTokenizer) or not tokenizer.chat_template:
        raise TokenizerError(
            f"{tokenizer.name}: has no chat template, so conversations can't be rendered for it; put the "
            "model's chat_template.jinja or tokenizer_config.json next to its tokenizer.json"
        )
    apply = load_template(tokenizer, tokenizer.chat_template, keywords or {})
    traits = probe_template(apply, tokenizer, allow_unknown_markers=allow_unknown_markers)
    keywords = keywords or {}
    unread = _find_unread(keywords, tokenizer.chat_template)
    idle = [name for name in find_idle_keywords(apply, traits.style, keywords) if name not in unread]
    return JinjaTemplate(
        tokenizer=tokenizer,
        apply=apply,
        keeps_control_tokens=keeps_control_tokens,
        style=traits.style,
        declares_tools=traits.declares_tools,
        calls=traits.calls,
        opening=traits.opening,
        system_opening=traits.system_opening,
        headers=traits.headers,
        ends_itself=traits.ends_itself,
        notes=(*traits.notes, *_note_keywords(unread, idle)),
    )


def _find_unread(keywords: Mapping[str, Any], template: str | dict[str, str]) -> list[str]:
    text = template if isinstance(template, str) else "\n".join(template.values())
    return [name for name in keywords if not re.search(rf"\b{name}\b", text)]


def _note_keywords(unread: Sequence[str], idle: Sequence[str]) -> Iterator[str]:
    if unread:
        yield f"chat.template: the chat template does not read {', '.join(unread)}"
    for name in idle:
        remedy = '; reasoning = "keep" or "drop" in [chat] decides on thoughts' if "think" in name else ""
        yield f"chat.template: {name} changes nothing in whole conversations of this chat template{remedy}"


def load_template(
    tokenizer: HuggingFaceTokenizer, template: str | dict[str, str], keywords: Mapping[str, Any]
) -> ApplyTemplate:
    """Return what renders messages with a template, as transformers does, in a process of its own."""
    templates = {_DEFAULT: template} if isinstance(template, str) else template
    if _DEFAULT not in templates:
        raise TokenizerError(
            f"{tokenizer.template_location}: holds chat templates ({', '.join(templates)}), but none is the "
            "default"
        )
    process = TemplateProcess(templates, tokenizer.template_location)
    named = {name: token for name, token in tokenizer.named_tokens.items() if name in NAMED_TOKENS}

    def apply(
        messages: list[dict[str, Any]],
        *,
        tools: list[dict[str, Any]] | None,
        keywords: Mapping[str, Any] = keywords,
    ) -> str:
        name = _FOR_TOOLS if tools is not None and _FOR_TOOLS in templates else _DEFAULT
        given = {"messages": messages, "tools": tools, "documents": None, "add_generation_prompt": False}
        try:
            return process.render(name, {**given, **named, **keywords})
        except InvalidTemplateError as fault:
            raise TokenizerError(f"{tokenizer.template_location}: line {fault.line}: {fault}") from fault
        except TemplateRefusalError as refusal:
            raise RenderError(f"refused by the chat template: {first_line(refusal)}") from refusal

    return apply


def _texts_by_placeholder(conversation: Conversation) -> dict[str, str]:
    contents = {placeholder(index): turn.content for index, turn in enumerate(conversation.messages)}
    thoughts = {
        thought_placeholder(index): turn.reasoning for index, turn in enumerate(conversation.messages)
    }
    return contents | thoughts
