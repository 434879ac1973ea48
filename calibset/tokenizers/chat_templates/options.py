"""How a recipe wants conversations rendered: its table ``[chat]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Format = Literal["auto", "jinja", "mistral-v2", "mistral-v3", "mistral-v7", "mistral-v11", "mistral-v13"]

FORMATS: Mapping[Format, str] = {
    "auto": "Mistral's, in the version of a tekken.json, or v11 for a tokenizer.json with Mistral's control "
    "tokens; for any other tokenizer.json the chat template beside it",
    "jinja": "the chat template beside the tokenizer.json. Named so, it may write markers such as "
    "`<|im_end|>` that the tokenizer reads as letters, which is an error with `auto`",
    "mistral-v2": "Mistral's with tools: calls are a JSON list without ids",
    "mistral-v3": "as v2, and calls have ids (Mistral 7B v0.3, Mistral Nemo)",
    "mistral-v7": "as v3, and the system prompt has control tokens of its own (Mistral Large 2411, Mistral "
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
        description="Mistral's instruct format of a version, or the model's own Jinja template, or whichever "
        "fits the tokenizer; see below.",
    )
    system_prompt: str | None = Field(
        None, min_length=1, description="Opens conversations that have no system turn of their own."
    )
    long_conversations: Literal["shorten", "reject"] = Field(
        "shorten",
        description="What becomes of a conversation that no row holds: it loses its last exchanges "
        "(`shorten`), or is filtered whole (`reject`). Where not even its first exchange fits, it ends on "
        "the last turn of the assistant's that does, which may be one that calls tools; where none fits, it "
        "is filtered.",
    )
