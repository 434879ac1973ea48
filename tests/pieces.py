"""A tokenizer in SentencePiece's manner: blanks are marked, letters normalised, turns in plain brackets."""

from __future__ import annotations

import json
import string
from pathlib import Path

INSTRUCT = """\
{{ bos_token }}
{%- for tool in tools or [] %}<<TOOL>>{{ tool | tojson }}<</TOOL>>{% endfor %}
{%- for message in messages %}
    {%- if message.role == "assistant" %}
        {{- message.content }}
        {%- for call in message.tool_calls or [] %}<<CALL>>{{ call | tojson }}{% endfor %}</s>
    {%- else %}[INST]{{ message.content }}[/INST]{% endif %}
{%- endfor %}"""


def write_pieces(folder: Path, *, template: str = INSTRUCT, prepend: str = "always") -> Path:
    """Write ``tokenizer.json``, ``tokenizer_config.json`` and ``chat_template.jinja``; return the folder.

    Its text is normalised (NFKC) before control tokens are looked for, so that full-width letters
    spell them too.

    Args:
        folder: Where to.
        template: The chat template.
        prepend: Where a blank is put before a word: "always", "first" (of a text) or "never".
    """
    import tokenizers
    from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors

    vocabulary = {"<unk>": 0, **{f"<0x{byte:02X}>": byte + 1 for byte in range(256)}}
    for letter in "▁" + string.printable.strip():
        vocabulary.setdefault(letter, len(vocabulary))
    vocabulary |= {"▁a": len(vocabulary), "▁H": len(vocabulary) + 1}
    merges = [("▁", "a"), ("▁", "H")]
    engine = tokenizers.Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True))
    engine.normalizer = normalizers.NFKC()
    engine.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=prepend)
    engine.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    engine.add_special_tokens([AddedToken(one, special=True, normalized=True) for one in ("<s>", "</s>")])
    spelled = ("[INST]", "[/INST]", "<<TOOL>>", "<</TOOL>>", "<<CALL>>")
    engine.add_tokens([AddedToken(one, special=False, normalized=True) for one in spelled])
    engine.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", engine.token_to_id("<s>"))]
    )
    engine.save(str(folder / "tokenizer.json"))
    config = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "chat_template.jinja").write_text(template)
    return folder
