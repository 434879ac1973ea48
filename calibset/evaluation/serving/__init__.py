"""How vLLM serves a quantized model, and the commands that measure it there; nothing is run.

`served_model` reads what a model's folder tells, `card_memory` counts what a card holds, `tool_parsers`
knows which of vLLM's parsers reads a model's tool calls, `configuration` writes the settings with their
reasons, and `commands` what to run.
"""
