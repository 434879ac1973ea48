"""How a recipe wants conversations rendered: its table ``[chat]``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ChatOptions", "Format"]

Format = Literal["auto", "jinja", "mistral-v2", "mistral-v3", "mistral-v7", "mistral-v11", "mistral-v13"]


class ChatOptions(BaseModel):
    """How conversations are rendered for the target model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Format = Field(
        "auto",
        description="Mistral's instruct format of a version, or the model's own Jinja template (`jinja`), "
        "which stands beside its tokenizer.json. `auto` takes the version of a tekken.json, v11 for a "
        "tokenizer.json with Mistral's control tokens, and else the Jinja template.",
    )
    system_prompt: str | None = Field(
        None, min_length=1, description="Opens conversations that have no system turn of their own."
    )
    long_conversations: Literal["shorten", "reject"] = Field(
        "shorten",
        description="What becomes of a conversation that no row holds: it loses its last exchanges "
        "(`shorten`), or is set aside whole (`reject`). One of a single exchange is set aside either way.",
    )
