from __future__ import annotations

from collections.abc import Mapping

from calibset.core.documents import Conversation, Rejection
from calibset.sources.chat_formats.base import ChatFormatError, ConversationParser, read_conversation


def read_strictly(parse: ConversationParser, row: Mapping[str, object]) -> Conversation:
    """Return the conversation of a row that needs no repair, or raise what it is rejected for."""
    record = read_conversation(row, parse, position="a#1", conversation_id="1", repair=False)
    if isinstance(record, Rejection):
        raise ChatFormatError(record.reason)
    assert isinstance(record, Conversation)
    return record
