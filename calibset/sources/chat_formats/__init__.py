"""The formats in which corpora write conversations and tool calls, one module each.

Each module's `parse` turns a row into `turns.Turn`s, from which `conversation_builder.build_conversation`
makes a checked conversation. The formats share `base` (repairs and rejections), `row_fields`,
`tagged_calls`, `tool_schema` and `literals`.
"""
