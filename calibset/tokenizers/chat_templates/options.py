"""How a recipe wants conversations rendered: its table ``[chat]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Format = Literal["auto", "jinja", "mistral-v2", "mistral-v3", "mistral-v7", "mistral-v11", "mistral-v13"]

FORMATS: Mapping[Format, str] = {
    "auto": "for a tekken.json, Mistral's format in the version of that file; for a tokenizer.json with "
    "Mistral's control tokens, v11; for any other tokenizer.json, the chat template beside it",
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
    long_conversations: Literal["shorten", "reject"] = Field(
        "shorten",
        description="What happens to a conversation that is longer than a row: it loses its last exchanges "
        "(`shorten`), or is filtered as a whole (`reject`). If not even its first exchange fits, it ends on "
        "the last assistant turn that does, which may be one that calls tools; if none fits, it is filtered.",
    )
