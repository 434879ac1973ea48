"""Who speaks in a turn, by any of the names that corpora and training tools use."""

from __future__ import annotations

from calibset.core.documents import Role
from calibset.sources.chat_formats.base import ChatFormatError
from calibset.sources.chat_formats.keys import fold

_NAMES: dict[Role, tuple[str, ...]] = {
    "system": ("system", "developer"),
    "user": ("user", "human", "prompter"),
    "assistant": ("assistant", "gpt", "chatgpt", "model", "bot", "chatbot", "ai", "bard", "bing", "claude"),
    "tool": (
        *("tool", "function", "observation", "ipython"),
        *(
            "toolresponse",
            "toolresult",
            "toolresults",
            "tooloutput",
            "functionresponse",
            "functionresult",
            "functioncalloutput",
        ),
    ),
}
_CALLING = frozenset(("toolcall", "toolcalls", "tooluse", "functioncall", "functioncalls"))
_ROLES = {name: role for role, names in _NAMES.items() for name in names} | dict.fromkeys(
    _CALLING, "assistant"
)


def read_role(speaker: object) -> Role:
    """Return the role of a turn's speaker, or raise `ChatFormatError`.

    Examples:
        >>> read_role("Human"), read_role("tool_response"), read_role(" developer ")
        ('user', 'tool', 'system')
    """
    role = _ROLES.get(fold(speaker))
    if role is None:
        raise ChatFormatError("unknown role", speaker)
    return role


def is_calling(speaker: object) -> bool:
    """Return whether a speaker's turns are calls of the assistant, such as ``function_call``."""
    return fold(speaker) in _CALLING
