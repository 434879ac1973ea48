"""A short dialogue with a call, as every format that holds it is read."""

from __future__ import annotations

from calibset.core.documents import Conversation, Message, Tool, ToolCall

WITH_A_CALL = Conversation(
    id="1",
    messages=(
        Message(role="system", content="Be brief."),
        Message(role="user", content="Rates?"),
        Message(
            role="assistant",
            content="",
            tool_calls=(ToolCall(id="call_0", name="get_rate", arguments='{"to": "EUR"}'),),
        ),
        Message(role="tool", content="1.5", tool_call_id="call_0"),
        Message(role="assistant", content="1.5"),
    ),
    tools=(Tool(name="get_rate", description="A rate.", parameters='{"type": "object", "properties": {}}'),),
)
