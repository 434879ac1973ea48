"""The formats that corpora write conversations and tool calls in."""
