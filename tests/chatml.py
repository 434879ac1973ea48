"""A ChatML model's tokenizer: single bytes, turns between control tokens, a Jinja template beside it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.letters import write_letters

TEMPLATE = """\
{%- macro turn(role, text) %}{{ "<|im_start|>" + role + "\\n" + text + "<|im_end|>\\n" }}{% endmacro %}
{%- set told = messages[0].content if messages[0].role == "system" else "" %}
{%- if tools %}
    {%- set about = namespace(text=told + "\\n\\nTools:") %}
    {%- for tool in tools %}{% set about.text = about.text + "\\n" + (tool | tojson) %}{% endfor %}
    {{- turn("system", about.text) }}
{%- elif told %}
    {{- turn("system", told) }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == "user" %}
        {%- if message.content == "REFUSE" %}{{ raise_exception("no such user") }}{% endif %}
        {{- turn("user", message.content) }}
    {%- elif message.role == "tool" %}
        {{- turn("user", "<tool_response>" + message.content + "</tool_response>") }}
    {%- elif message.role == "assistant" %}
        {%- set said = namespace(text=message.content) %}
        {%- for call in message.tool_calls or [] %}
            {%- set said.text = said.text + "<tool_call>" + (call.function | tojson) + "</tool_call>" %}
        {%- endfor %}
        {{- turn("assistant", said.text) }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ "<|im_start|>assistant\\n" }}{% endif %}
"""


def write_chatml(
    folder: Path, *, template: str = TEMPLATE, bos: bool = False, eos: str = "<|im_end|>"
) -> Path:
    """Write ``tokenizer.json``, ``tokenizer_config.json`` and ``chat_template.jinja``; return the folder.

    ``<tool_call>`` and its like are added tokens that are not special, as in Qwen's files.

    Args:
        folder: Where to.
        template: The chat template.
        bos: Whether the tokenizer puts ``<s>`` before a text.
        eos: What the configuration calls EOS.
    """
    import tokenizers
    from tokenizers import AddedToken

    path = write_letters(folder, bos=bos)
    engine = tokenizers.Tokenizer.from_file(str(path))
    engine.add_special_tokens(
        [AddedToken(one, special=True, normalized=False) for one in ("<|im_start|>", "<|im_end|>")]
    )
    engine.add_tokens(
        [
            AddedToken(one, special=False, normalized=False)
            for one in ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "  ")
        ]
    )
    engine.save(str(path))
    config = {"bos_token": "<s>", "eos_token": {"content": eos}, "pad_token": None, "unk_token": None}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "chat_template.jinja").write_text(template)
    return folder
