"""Model families: the tokenizer and template of each, its reader, and what its format can and can't hold.

The templates and tokenizers are ours. Each is written in the manner of a family and shows the quirks by which
that family's own differs from the others.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors

from tests.tokenizers.chat_templates.families import readers
from tests.tokenizers.chat_templates.families.reading import Pieces, Reading

_HERE = Path(__file__).parent
# Merges across words, lines and brackets, so that a template's marks and a text share tokens.
_MERGES = [("Ċ", "Ċ"), ("Ġ", "Ġ"), ("}", "}"), ('"', ":"), (">", "Ċ"), ("i", "n"), ("Ġ", "in"), ("Ċ", "#")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A model family.

    Attributes:
        name: The name of its template's file.
        bos: Its BOS; empty if it has none.
        eos: Its EOS.
        special: Its other control tokens.
        added: Added tokens that are not special.
        read: Its reader.
        adds_bos: Whether its tokenizer puts BOS before a text.
        pieces: Whether its tokenizer marks blanks as SentencePiece does, and falls back to bytes.
        trims: The roles whose texts the template trims; "thoughts" for the assistant's.
        thoughts: In which turns thoughts are kept.
        calls: How many calls a turn of the assistant can make.
        declares: Whether tools are declared.
        words_beside_calls: What becomes of the words of a turn that calls; "once" if only the first such
            turn keeps them.
        greeting: When the assistant may speak first.
        alternates: Whether the user and the assistant must take turns.
        folds_system: Whether the system turn opens the user's first.
        finds_question_by_words: Whether any turn with the words of the last question is taken for it.
        spells_texts: Whether texts in arguments stand without quotes.
    """

    name: str
    bos: str = ""
    eos: str
    special: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    read: Callable[[Pieces], Reading]
    adds_bos: bool = False
    pieces: bool = False
    trims: frozenset[str] = frozenset()
    thoughts: Literal["after the question", "in open calls", "in calls and at the end", "nowhere"] = "nowhere"
    calls: Literal["none", "one", "several"] = "several"
    declares: bool = True
    words_beside_calls: Literal["kept", "once", "dropped", "as thoughts"] = "kept"
    greeting: Literal["always", "without tools", "never"] = "always"
    alternates: bool = False
    folds_system: bool = False
    finds_question_by_words: bool = False
    spells_texts: bool = False

    @property
    def tokens(self) -> tuple[str, ...]:
        """All its control tokens."""
        return tuple(filter(None, (self.bos, self.eos, *self.special, *self.added)))


_ALL = frozenset({"system", "user", "assistant", "tool"})

FAMILIES = (
    Family(
        name="qwen3",
        eos="<|im_end|>",
        special=("<|endoftext|>", "<|im_start|>"),
        added=("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"),
        read=readers.read_qwen3,
        trims=frozenset({"assistant", "thoughts"}),
        thoughts="after the question",
    ),
    Family(
        name="llama31",
        bos="<|begin_of_text|>",
        eos="<|eot_id|>",
        special=("<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|python_tag|>"),
        read=readers.read_llama31,
        greeting="without tools",
        adds_bos=True,
        trims=_ALL - {"tool"},
        calls="one",
        words_beside_calls="dropped",
    ),
    Family(
        name="gemma3",
        bos="<bos>",
        eos="<eos>",
        special=("<start_of_turn>", "<end_of_turn>"),
        added=("<start_of_image>",),
        read=readers.read_gemma3,
        adds_bos=True,
        pieces=True,
        trims=_ALL - {"system"},
        calls="none",
        alternates=True,
        folds_system=True,
    ),
    Family(
        name="hermes",
        bos="<|begin_of_text|>",
        eos="<|im_end|>",
        special=("<|im_start|>",),
        added=("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"),
        read=readers.read_hermes,
        adds_bos=True,
        words_beside_calls="dropped",
    ),
    Family(
        name="deepseek_r1",
        bos="<｜begin▁of▁sentence｜>",
        eos="<｜end▁of▁sentence｜>",
        added=(
            "<｜User｜>", "<｜Assistant｜>", "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>",
            "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>", "<｜tool▁outputs▁begin｜>",
            "<｜tool▁outputs▁end｜>", "<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>", "<think>",
            "</think>",
        ),
        read=readers.read_deepseek_r1,
        adds_bos=True,
        words_beside_calls="once",
        declares=False,
    ),
    Family(
        name="deepseek_v31",
        bos="<｜begin▁of▁sentence｜>",
        eos="<｜end▁of▁sentence｜>",
        added=(
            "<｜User｜>", "<｜Assistant｜>", "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>",
            "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>", "<｜tool▁output▁begin｜>",
            "<｜tool▁output▁end｜>", "<think>", "</think>",
        ),
        read=readers.read_deepseek_v31,
        greeting="never",
        adds_bos=True,
    ),
    Family(
        name="glm45",
        eos="<|endoftext|>",
        special=("[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"),
        added=(
            "<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>",
            "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>",
        ),
        read=readers.read_glm45,
        trims=frozenset({"assistant", "thoughts"}),
        thoughts="after the question",
        spells_texts=True,
    ),
    Family(
        name="kimi_k2",
        bos="[BOS]",
        eos="<|im_end|>",
        special=("<|im_user|>", "<|im_assistant|>", "<|im_system|>", "<|im_middle|>"),
        added=(
            "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_begin|>",
            "<|tool_call_argument_begin|>", "<|tool_call_end|>", "<think>", "</think>",
        ),
        read=readers.read_kimi_k2,
        thoughts="in open calls",
    ),
    Family(
        name="harmony",
        bos="<|startoftext|>",
        eos="<|return|>",
        special=("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|call|>", "<|constrain|>"),
        read=readers.read_harmony,
        calls="one",
        words_beside_calls="as thoughts",
        thoughts="in calls and at the end",
    ),
    Family(
        name="mistral7",
        bos="<s>",
        eos="</s>",
        special=(
            "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]",
            "[TOOL_RESULTS]", "[TOOL_CONTENT]", "[/TOOL_RESULTS]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]",
        ),
        read=readers.read_mistral7,
        finds_question_by_words=True,
        adds_bos=True,
        words_beside_calls="dropped",
        alternates=True,
    ),
    Family(
        name="command_r",
        bos="<BOS_TOKEN>",
        eos="<|END_OF_TURN_TOKEN|>",
        special=("<|START_OF_TURN_TOKEN|>", "<|SYSTEM_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>"),
        read=readers.read_command_r,
        adds_bos=True,
        trims=_ALL - {"tool"},
    ),
)  # fmt: skip


def write_family(family: Family, folder: Path) -> Path:
    """Write the family's ``tokenizer.json``, ``tokenizer_config.json`` and templates; return the folder."""
    engine = _build_pieces() if family.pieces else _build_bytes()
    special = filter(None, (family.bos, family.eos, *family.special))
    engine.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    engine.add_tokens([AddedToken(token, special=False, normalized=False) for token in family.added])
    if family.adds_bos:
        ids = [(family.bos, engine.token_to_id(family.bos))]
        engine.post_processor = processors.TemplateProcessing(single=f"{family.bos} $A", special_tokens=ids)
    engine.save(str(folder / "tokenizer.json"))
    config = {
        "bos_token": family.bos or None,
        "eos_token": family.eos,
        "chat_template": _read_templates(family),
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def _read_templates(family: Family) -> str | list[dict[str, str]]:
    default = (_HERE / f"{family.name}.jinja").read_text("utf-8")
    tool_use = _HERE / f"{family.name}.tool_use.jinja"
    if not tool_use.is_file():
        return default
    named = {"default": default, "tool_use": tool_use.read_text("utf-8")}
    return [{"name": name, "template": text} for name, text in named.items()]


def read_row(family: Family, engine: tokenizers.Tokenizer, ids: list[int]) -> Reading:
    """Read the ids of a conversation back, BOS included."""
    control = {engine.token_to_id(token): token for token in family.tokens}
    return family.read(Pieces.split(ids, engine, control))


def _build_bytes() -> tokenizers.Tokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {
        letter: rank for rank, letter in enumerate([*letters, *("".join(pair) for pair in _MERGES)])
    }
    engine = tokenizers.Tokenizer(models.BPE(vocabulary, _MERGES))
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    engine.decoder = decoders.ByteLevel()
    return engine


def _build_pieces() -> tokenizers.Tokenizer:
    vocabulary = {"<unk>": 0, **{f"<0x{byte:02X}>": byte + 1 for byte in range(256)}}
    for piece in ("▁", "\n", "\n\n", "▁▁", *string.printable.strip()):
        vocabulary.setdefault(piece, len(vocabulary))
    merges = [("\n", "\n"), ("▁", "▁")]
    engine = tokenizers.Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True))
    engine.normalizer = normalizers.Replace(" ", "▁")
    engine.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return engine
