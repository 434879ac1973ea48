"""How a recipe wants conversations rendered: its table ``[chat]``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from calibset.core.fields import JsonObject

Format = Literal["auto", "jinja", "mistral-v2", "mistral-v3", "mistral-v7", "mistral-v11", "mistral-v13"]

FORMATS: Mapping[Format, str] = {
    "auto": "for a tekken.json, Mistral's format in the version of that file; for a tokenizer.json, the chat "
    "template beside it, or, if that writes Mistral's control tokens as v11 does or if there is none, v11",
    "jinja": "the chat template beside the tokenizer.json. Chosen this way, it may write markers such as "
    "`<|im_end|>` that the tokenizer reads as plain text, which is an error with `auto`",
    "mistral-v2": "Mistral's format with tools: calls are a JSON list without ids",
    "mistral-v3": "like v2, but calls have ids (Mistral 7B v0.3, Mistral Nemo)",
    "mistral-v7": "like v3, but the system prompt has control tokens of its own (Mistral Large 2411, Mistral "
    "Small 3.1)",
    "mistral-v11": "`[TOOL_CALLS]name[CALL_ID]id[ARGS]{…}` for each call (Mistral Small 3.2)",
    "mistral-v13": "`[TOOL_CALLS]name[ARGS]{…}` for each call, the tools before the first user turn",
}
"""What each format is, as the documentation lists them."""

Reasoning = Literal["keep", "drop"]
"""Whether thoughts are given to the template."""

# What apply_chat_template of transformers takes itself or sets, so that no keyword may be called so.
_RESERVED = frozenset({
    "self", "messages", "conversation", "conversations", "tools", "documents", "chat_template",
    "add_generation_prompt", "tokenize", "continue_final_message", "sanitize_control_tokens", "padding",
    "truncation", "max_length", "return_tensors", "return_dict", "return_assistant_tokens_mask",
    "tokenizer_kwargs", "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token",
    "mask_token", "additional_special_tokens", "extra_special_tokens", "raise_exception", "strftime_now",
    "range", "dict", "lipsum", "cycler", "joiner", "namespace", "loop",
})  # fmt: skip
_KEYWORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_MOST_VALUES = 64
_LONGEST_TEXT = 4_096
_DEEPEST = 4


def _check_keywords(keywords: Mapping[str, Any]) -> Mapping[str, Any]:
    for name, value in keywords.items():
        if fault := _find_fault(name, value):
            # As one value, since a message's template would take braces in a key for its own.
            message = f"{name} {fault}"
            raise PydanticCustomError("keyword", "{message}", {"message": message})
    return keywords


def _find_fault(name: str, value: Any) -> str:
    if not _KEYWORD.fullmatch(name):
        return "is no name that a template can read: a letter, then letters, digits and _"
    if name in _RESERVED:
        return "is set by calibset or transformers, not by a recipe"
    values = list(_walk(value, 0))
    if len(values) > _MOST_VALUES or any(depth > _DEEPEST for _, depth in values):
        return f"holds too much: at most {_MOST_VALUES} values, {_DEEPEST} deep"
    for leaf, _ in values:
        if not isinstance(leaf, str | int | float | bool | list | tuple | dict | None):
            return "must be a text, a number, true or false, or a list or table of these"
        if isinstance(leaf, str) and len(leaf) > _LONGEST_TEXT:
            return f"holds a text of more than {_LONGEST_TEXT:,} characters"
    return ""


def _walk(value: Any, depth: int) -> Iterator[tuple[Any, int]]:
    """Yield a value and those in it, each with its depth, as far as the bounds reach."""
    yield value, depth
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        yield from ((key, depth) for key in value)
    for item in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    ):
        yield from _walk(item, depth + 1)


class ChatOptions(BaseModel):
    """How conversations are rendered for the target model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Format = Field(
        "auto",
        description="A version of Mistral's instruct format, the model's own Jinja template, or whichever "
        "fits the tokenizer (`auto`); see below.",
    )
    system_prompt: str | None = Field(
        None, min_length=1, description="The system turn of conversations that have none of their own."
    )
    reasoning: Reasoning = Field(
        "keep",
        description="What happens to the thoughts of assistant turns: they are given to the chat template, "
        "which writes those that the model reads in service (`keep`), or left out (`drop`). Thoughts "
        "that are not in the rows are counted.",
    )
    template: Annotated[JsonObject, AfterValidator(_check_keywords)] = Field(
        {},
        description="Keywords for the Jinja template, as they are given in service: "
        '`reasoning_effort = "high"`. '
        "A note names those that change nothing in whole conversations.",
    )
    long_conversations: Literal["shorten", "reject"] = Field(
        "shorten",
        description="What happens to a conversation that is longer than a row: it loses its last exchanges "
        "(`shorten`), or is filtered as a whole (`reject`). If not even its first exchange fits, it ends on "
        "the last assistant turn that does, which may be one that calls tools; if none fits, it is filtered.",
    )

    @model_validator(mode="after")
    def _check_format(self) -> Self:
        if self.template and self.format.startswith("mistral-"):
            raise PydanticCustomError(
                "keyword", "template is for Jinja templates; Mistral's formats are not written by one"
            )
        return self
