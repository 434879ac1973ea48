"""The formats in which corpora write conversations and tool calls.

`dialogue`, `hermes`, `toolace` and `when2call` have a `parse` that turns a row into `turns.Turn`s, from which
`conversation_builder.build_conversation` makes a checked conversation. They share what a turn is made of: its
`roles`, its `content`, `thoughts`, `calls` and `tools` under any known key (`keys`), and the forms in which
models write calls and results as text (`call_forms`, `result_forms`, `tagged_calls`, `pythonic_calls`).
`base` has repairs and rejections, `literals` reads JSON and Python literals.
"""
