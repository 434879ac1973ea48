"""The formats that corpora write conversations and tool calls in, one module each.

Each module's `parse` reads a row: it turns it into `turns.Turn`s, from which `turns.build_conversation`
makes a checked conversation. What the formats share is in `base` (repairs and rejections),
`row_fields`, `tagged_calls`, `tool_schema` and `literals`.
"""
