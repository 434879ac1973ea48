"""Which of vLLM's parsers reads the tool calls that a model writes."""

from __future__ import annotations

# What a chat template writes around calls, and vLLM's name for it (looked up in vLLM 0.32). Of several that
# are met the first counts: forms that share Hermes' tags stand before it.
_PARSERS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("[TOOL_CALLS]",), "mistral"),
    (("<tool_call>", "<arg_key>"), "glm45"),
    (("<tool_call>", "<function="), "qwen3_coder"),
    (("<minimax:tool_call>",), "minimax_m2"),
    (("<tool_call>",), "hermes"),
    (("<|python_start|>",), "llama4_pythonic"),
    (("<|python_tag|>",), "llama3_json"),
    (("<｜tool▁calls▁begin｜>", "```json"), "deepseek_v3"),
    (("<｜tool▁calls▁begin｜>",), "deepseek_v31"),
    (("<|tool_calls_section_begin|>",), "kimi_k2"),
    (("<|tool_call_start|>",), "lfm2"),
    (("<start_function_call>",), "functiongemma"),
    (("<function_calls>",), "olmo3"),
    (("<|channel|>", "<|call|>"), "openai"),
    (("<|tool_call|>",), "granite"),
)


def find_tool_parser(template: str) -> tuple[str, str] | None:
    """Return the parser for a chat template, and the mark by which it is known; None if none is known.

    Examples:
        >>> find_tool_parser("{{ '<tool_call>' }}")
        ('hermes', '<tool_call>')
        >>> find_tool_parser("{{ messages }}") is None
        True
    """
    for marks, parser in _PARSERS:
        if all(mark in template for mark in marks):
            return parser, marks[-1]
    return None
