"""Tokenizer folders in the manner of the model families, each written in milliseconds.

The vocabularies are small and trained on `_CORPUS`, or made by hand. What is peculiar about a family
(its classes, its files, where its control tokens are named) is as its published models have it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from tests.prose import prose

_GPT4_DIGITS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN_DIGIT = _GPT4_DIGITS.replace("{1,3}", "")
_TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_DEEPSEEK = (
    r"\p{N}{1,3}",
    "[一-龥぀-ゟ゠-ヿ]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)

_CORPUS = (
    *(prose(number) for number in range(40)),
    "Poistná zmluva sa uzatvára na dobu neurčitú; poistné je splatné vopred, 1234567 eur.",
    "The policyholder's deductible isn't applied; we'll pay 1,234.50 EUR in 2026.",
    "Žltý kôň preskočil ďalší plot, hoci šéf mu to zakázal.",
    "保险合同是投保人与保险人约定保险权利义务关系的协议。",
    "def f(x):\n    return {k: v for k, v in x.items()}\n\n\n",
)  # fmt: skip
_PIECES = 400


@dataclass(frozen=True)
class Family:
    """A kind of tokenizer folder.

    Attributes:
        name: The family, and what is changed about it.
        peculiarity: What sets it apart from the others, in a line.
        control_tokens: Spellings that a quantizer's tokenizer reads as one token.
        write: Writes the folder's files.
    """

    name: str
    peculiarity: str
    control_tokens: tuple[str, ...]
    write: Callable[[Path], None]

    def build(self, folder: Path) -> Path:
        """Write the folder, which is made where there is none, and return it."""
        folder.mkdir(parents=True, exist_ok=True)
        self.write(folder)
        return folder


def _chat(turn: str, *, bos: bool = True) -> str:
    """Return a template: BOS, then each message in the words of ``turn``."""
    start = "{{ bos_token }}" if bos else ""
    return start + "{% for message in messages %}" + turn + "{% endfor %}"


_CHATML = "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
_INSTRUCT = (
    "{% if message.role == 'assistant' %}{{ ' ' + message.content + eos_token }}"
    "{% else %}{{ '[INST] ' + message.content + ' [/INST]' }}{% endif %}"
)
_HEADERS = (
    "{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + message.content + '<|eot_id|>' }}"
)
_GEMMA = (
    "{{ '<start_of_turn>' + ('model' if message.role == 'assistant' else message.role) + '\\n'"
    " + message.content + '<end_of_turn>\\n' }}"
)
_PLAIN = "{{ message.role + ': ' + message.content + eos_token }}"


@cache
def _train_bytes(split: str | None) -> tuple[dict[str, int], tuple[tuple[str, str], ...]]:
    """Return vocabulary and merges of a byte-level BPE."""
    engine = Tokenizer(models.BPE())
    engine.pre_tokenizer = _byte_level(split)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + _PIECES, initial_alphabet=alphabet, show_progress=False
    )
    engine.train_from_iterator(_CORPUS, trainer)
    model = json.loads(engine.to_str())["model"]
    return model["vocab"], tuple((left, right) for left, right in model["merges"])


@cache
def _train_pieces(marked_first: bool) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Return the pieces and merges of a BPE in SentencePiece's manner."""
    engine = Tokenizer(models.BPE())
    engine.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always" if marked_first else "never")
    engine.train_from_iterator(_CORPUS, trainers.BpeTrainer(vocab_size=_PIECES, show_progress=False))
    model = json.loads(engine.to_str())["model"]
    return tuple(sorted(model["vocab"], key=model["vocab"].get)), tuple(map(tuple, model["merges"]))


def _byte_level(split: str | None) -> pre_tokenizers.PreTokenizer:
    if split is None:
        return pre_tokenizers.ByteLevel(add_prefix_space=False)
    first = pre_tokenizers.Split(Regex(split), "isolated")
    return pre_tokenizers.Sequence([first, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _add(engine: Tokenizer, special: Iterable[str], plain: Iterable[str] = ()) -> Tokenizer:
    engine.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    engine.add_tokens([AddedToken(token, special=False, normalized=False) for token in plain])
    return engine


def _surround(engine: Tokenizer, before: str | None, after: str | None = None) -> Tokenizer:
    """Let the post-processor put a token before and after each text."""
    single = " ".join(filter(None, [before, "$A", after]))
    ids = [(token, engine.token_to_id(token)) for token in dict.fromkeys(filter(None, [before, after]))]
    engine.post_processor = processors.TemplateProcessing(single=single, special_tokens=ids)
    return engine


def _bytes_engine(
    split: str | None, special: Sequence[str], plain: Sequence[str] = (), **model: Any
) -> Tokenizer:
    vocabulary, merges = _train_bytes(split)
    engine = Tokenizer(models.BPE(vocabulary, list(merges), **model))
    engine.pre_tokenizer = _byte_level(split)
    engine.decoder = decoders.ByteLevel()
    engine.post_processor = processors.ByteLevel(trim_offsets=False)
    return _add(engine, special, plain)


def _pieces_engine(special: Sequence[str], *, marked_first: bool = True, unknown: str = "<unk>") -> Tokenizer:
    """Return a BPE with byte fallback whose control tokens come first, without normalizer and splitting."""
    pieces, merges = _train_pieces(marked_first)
    spelled = [*special, *(f"<0x{byte:02X}>" for byte in range(256)), *pieces]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(spelled))}
    model = models.BPE(vocabulary, list(merges), unk_token=unknown, fuse_unk=True, byte_fallback=True)
    engine = Tokenizer(model)
    engine.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
        + [decoders.Strip(" ", 1, 0)] * marked_first
    )
    return _add(engine, special)


def _unigram_engine(special: Sequence[str], unknown: str) -> Tokenizer:
    """Return a Unigram whose scores fall with each piece's rank, so that they are the same everywhere."""
    pieces, _ = _train_pieces(True)
    letters = sorted({letter for piece in pieces for letter in piece})
    ranked = list(dict.fromkeys([*special, *sorted(pieces, key=len, reverse=True), *letters]))
    scored = [(piece, 0.0 if piece in special else -2.0 - rank / 64) for rank, piece in enumerate(ranked)]
    return Tokenizer(models.Unigram(scored, unk_id=ranked.index(unknown), byte_fallback=False))


def _save(
    folder: Path,
    engine: Tokenizer,
    config: dict[str, Any],
    *,
    template: str | None = None,
    model_type: str | None = None,
) -> None:
    engine.save(str(folder / "tokenizer.json"))
    _write_json(folder / "tokenizer_config.json", config)
    if template is not None:
        (folder / "chat_template.jinja").write_text(template, "utf-8")
    if model_type is not None:
        _write_json(folder / "config.json", {"model_type": model_type})


def _write_json(path: Path, table: Any) -> None:
    path.write_text(json.dumps(table, indent=2), "utf-8")


def _described(engine: Tokenizer) -> dict[str, Any]:
    """Return an engine's added tokens as ``added_tokens_decoder`` describes them."""
    return {
        str(index): {
            "content": token.content, "lstrip": token.lstrip, "normalized": token.normalized,
            "rstrip": token.rstrip, "single_word": token.single_word, "special": token.special,
        }
        for index, token in sorted(engine.get_added_tokens_decoder().items())
    }  # fmt: skip


def _write_gpt2(folder: Path) -> None:
    engine = _bytes_engine(None, ["<|endoftext|>"])
    named = dict.fromkeys(["bos_token", "eos_token", "unk_token"], "<|endoftext|>")
    config = {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": False, **named}
    _save(folder, engine, config, template=_chat(_PLAIN, bos=False), model_type="gpt2")


def _write_gpt_neox(folder: Path) -> None:
    engine = _bytes_engine(None, ["<|endoftext|>", "<|padding|>"], ["  ", "    ", "        "])
    engine.normalizer = normalizers.NFC()
    named = dict.fromkeys(["bos_token", "eos_token", "unk_token"], "<|endoftext|>")
    config = {"tokenizer_class": "GPTNeoXTokenizer", "add_prefix_space": False, **named}
    _save(folder, engine, config, template=_chat(_PLAIN, bos=False), model_type="gpt_neox")


_QWEN_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def _write_qwen2(folder: Path, split: str = _QWEN_DIGIT, tokenizer_class: str = "Qwen2Tokenizer") -> None:
    engine = _bytes_engine(split, _QWEN_TOKENS, ["<tool_call>", "</tool_call>"])
    engine.normalizer = normalizers.NFC()
    config = {
        "tokenizer_class": tokenizer_class, "add_bos_token": False, "add_prefix_space": False,
        "added_tokens_decoder": _described(engine), "additional_special_tokens": list(_QWEN_TOKENS[1:]),
        "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "unk_token": None,
        "errors": "replace", "split_special_tokens": False, "model_max_length": 32768,
    }  # fmt: skip
    _save(folder, engine, config, template=_chat(_CHATML, bos=False), model_type="qwen2")


_LLAMA_TOKENS = ("<unk>", "<s>", "</s>")


def _llama_config(engine: Tokenizer, **changed: Any) -> dict[str, Any]:
    return {
        "tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False,
        "added_tokens_decoder": _described(engine), "bos_token": "<s>", "eos_token": "</s>",
        "unk_token": "<unk>", "pad_token": None, "sp_model_kwargs": {}, "use_default_system_prompt": False,
        "clean_up_tokenization_spaces": False, **changed,
    }  # fmt: skip


def _write_llama_legacy(folder: Path) -> None:
    engine = _pieces_engine(_LLAMA_TOKENS)
    engine.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    _surround(engine, "<s>")
    config = _llama_config(engine, legacy=True)
    _save(folder, engine, config, template=_chat(_INSTRUCT), model_type="llama")


def _write_llama(folder: Path) -> None:
    engine = _pieces_engine(_LLAMA_TOKENS)
    engine.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    _surround(engine, "<s>")
    config = _llama_config(engine, legacy=False, tokenizer_class="LlamaTokenizerFast")
    _save(folder, engine, config, template=_chat(_INSTRUCT), model_type="llama")


_MISTRAL_TOKENS = (*_LLAMA_TOKENS, "[INST]", "[/INST]", "[TOOL_CALLS]")


def _write_mistral_v3(folder: Path) -> None:
    engine = _pieces_engine(_MISTRAL_TOKENS)
    engine.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    _surround(engine, "<s>")
    config = _llama_config(engine, legacy=False)
    _save(folder, engine, config, template=_chat(_INSTRUCT), model_type="mistral")


def _write_mistral_nemo(folder: Path, tokenizer_class: str = "PreTrainedTokenizerFast") -> None:
    engine = _bytes_engine(_TEKKEN, _MISTRAL_TOKENS, ignore_merges=True)
    _surround(engine, "<s>")
    config = {
        "tokenizer_class": tokenizer_class, "added_tokens_decoder": _described(engine),
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": True,
        "add_eos_token": False, "add_prefix_space": False,
    }  # fmt: skip
    _save(folder, engine, config, template=_chat(_INSTRUCT), model_type="mistral")


_LLAMA3_TOKENS = (
    "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
)  # fmt: skip


def _write_llama3(folder: Path, tokenizer_class: str = "PreTrainedTokenizerFast") -> None:
    engine = _bytes_engine(_GPT4_DIGITS, _LLAMA3_TOKENS, ignore_merges=True)
    _surround(engine, "<|begin_of_text|>")
    template = engine.post_processor
    engine.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    config = {
        "tokenizer_class": tokenizer_class, "added_tokens_decoder": _described(engine),
        "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "clean_up_tokenization_spaces": True,
        "model_input_names": ["input_ids", "attention_mask"], "model_max_length": 131072,
    }  # fmt: skip
    _save(folder, engine, config, template=_chat(_HEADERS), model_type="llama")


_DEEPSEEK_TOKENS = (
    "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>", "<｜User｜>", "<｜Assistant｜>",
)  # fmt: skip


def _write_deepseek(folder: Path) -> None:
    engine = _bytes_engine(None, _DEEPSEEK_TOKENS[:3], _DEEPSEEK_TOKENS[3:])
    splits = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in _DEEPSEEK]
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    engine.pre_tokenizer = pre_tokenizers.Sequence([*splits, byte_level])
    _surround(engine, _DEEPSEEK_TOKENS[0])
    bos, eos = (
        {"__type": "AddedToken", "content": token, "lstrip": False, "normalized": True, "rstrip": False,
         "single_word": False}
        for token in _DEEPSEEK_TOKENS[:2]
    )  # fmt: skip
    config = {
        "tokenizer_class": "LlamaTokenizerFast", "add_bos_token": True, "add_eos_token": False,
        "bos_token": bos, "eos_token": eos, "pad_token": eos, "unk_token": None, "legacy": True,
        "clean_up_tokenization_spaces": False, "sp_model_kwargs": {}, "model_max_length": 16384,
    }  # fmt: skip
    turn = (
        "{% if message.role == 'assistant' %}{{ '<｜Assistant｜>' + message.content + eos_token }}"
        "{% else %}{{ '<｜User｜>' + message.content }}{% endif %}"
    )
    _save(folder, engine, config, template=_chat(turn), model_type="deepseek_v3")


_GEMMA_TOKENS = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>")


def _write_gemma(folder: Path) -> None:
    engine = _pieces_engine(_GEMMA_TOKENS, marked_first=False)
    _add(engine, (), ["\n\n", "\n\n\n", "▁▁", "▁▁▁▁", "<table>", "</table>"])
    engine.normalizer = normalizers.Replace(" ", "▁")
    engine.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    _surround(engine, "<bos>")
    config = {
        "tokenizer_class": "GemmaTokenizer", "add_bos_token": True, "add_eos_token": False,
        "added_tokens_decoder": _described(engine), "bos_token": "<bos>", "eos_token": "<eos>",
        "pad_token": "<pad>", "unk_token": "<unk>", "spaces_between_special_tokens": False,
        "additional_special_tokens": ["<start_of_turn>", "<end_of_turn>"], "sp_model_kwargs": None,
        "clean_up_tokenization_spaces": False,
    }  # fmt: skip
    _save(folder, engine, config, template=_chat(_GEMMA), model_type="gemma2")


_T5_TOKENS = ("<pad>", "</s>", "<unk>")
_EXTRA_IDS = tuple(f"<extra_id_{number}>" for number in range(100))


def _write_t5(folder: Path) -> None:
    engine = _unigram_engine(_T5_TOKENS, "<unk>")
    engine.normalizer = normalizers.Replace(Regex(" {2,}"), " ")
    splits = [
        pre_tokenizers.WhitespaceSplit(),
        pre_tokenizers.Metaspace(prepend_scheme="always", split=True),
    ]
    engine.pre_tokenizer = pre_tokenizers.Sequence(splits)
    engine.decoder = decoders.Metaspace(prepend_scheme="always", split=True)
    _add(engine, [*_T5_TOKENS, *_EXTRA_IDS])
    _surround(engine, None, "</s>")
    config = {
        "tokenizer_class": "T5Tokenizer", "extra_ids": 100, "additional_special_tokens": list(_EXTRA_IDS),
        "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "model_max_length": 512,
        "added_tokens_decoder": _described(engine), "clean_up_tokenization_spaces": True,
    }  # fmt: skip
    _save(folder, engine, config, model_type="t5")


_XLM_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


def _write_unigram_nfkc(folder: Path, tokenizer_class: str = "PreTrainedTokenizerFast") -> None:
    engine = _unigram_engine(_XLM_TOKENS, "<unk>")
    engine.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    engine.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    engine.decoder = decoders.Metaspace(prepend_scheme="always", split=True)
    _add(engine, _XLM_TOKENS)
    _surround(engine, "<s>", "</s>")
    config = {
        "tokenizer_class": tokenizer_class, "bos_token": "<s>", "cls_token": "<s>",
        "eos_token": "</s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>",
        "mask_token": "<mask>", "added_tokens_decoder": _described(engine),
    }  # fmt: skip
    _save(folder, engine, config)


_BERT_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@cache
def _train_words() -> tuple[str, ...]:
    engine = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    engine.normalizer = normalizers.BertNormalizer(lowercase=True)
    engine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=_PIECES, special_tokens=list(_BERT_TOKENS), show_progress=False
    )
    engine.train_from_iterator(_CORPUS, trainer)
    vocabulary = engine.get_vocab()
    return tuple(sorted(vocabulary, key=vocabulary.__getitem__))


def _write_bert(folder: Path) -> None:
    model = models.WordPiece({word: index for index, word in enumerate(_train_words())}, unk_token="[UNK]")
    engine = Tokenizer(model)
    engine.normalizer = normalizers.BertNormalizer(lowercase=True)
    engine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    engine.decoder = decoders.WordPiece()
    _add(engine, _BERT_TOKENS)
    _surround(engine, "[CLS]", "[SEP]")
    config = {
        "tokenizer_class": "BertTokenizer", "do_lower_case": True, "tokenize_chinese_chars": True,
        "strip_accents": None, "model_max_length": 512, "cls_token": "[CLS]", "sep_token": "[SEP]",
        "pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]",
    }  # fmt: skip
    _save(folder, engine, config, model_type="bert")


_LATE = ("<|im_start|>", "<|im_end|>", "<|tool|>")


def _without_late_tokens() -> Tokenizer:
    """Return an engine that knows ``<s>`` and ``</s>`` alone; the folder's other files name more tokens."""
    return _surround(_bytes_engine(_GPT4_DIGITS, ["<s>", "</s>"]), "<s>")


def _write_named_in_config(folder: Path) -> None:
    engine = _without_late_tokens()
    first = engine.get_vocab_size()
    described = {
        str(first + offset): {
            "content": token, "lstrip": False, "normalized": False, "rstrip": False,
            "single_word": False, "special": token != "<|tool|>",
        }
        for offset, token in enumerate(_LATE)
    }  # fmt: skip
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "<|im_end|>",
        "added_tokens_decoder": _described(engine) | described,
        "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
    }  # fmt: skip
    _save(folder, engine, config, template=_chat(_CHATML))


def _write_pad_in_config(folder: Path) -> None:
    engine = _without_late_tokens()
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>",
        "pad_token": "[PAD]", "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
    }  # fmt: skip
    _save(folder, engine, config, template=_chat(_CHATML))


def _write_named_in_map(folder: Path) -> None:
    engine = _without_late_tokens()
    first = engine.get_vocab_size()
    _save(folder, engine, {"tokenizer_class": "PreTrainedTokenizerFast"}, template=_chat(_CHATML))
    _write_json(
        folder / "special_tokens_map.json",
        {"bos_token": "<s>", "eos_token": "<|im_end|>", "additional_special_tokens": list(_LATE[:2])},
    )
    _write_json(folder / "added_tokens.json", {token: first + i for i, token in enumerate(_LATE)})


FAMILIES = (
    Family("gpt2", "a class of its own, no BOS", ("<|endoftext|>",), _write_gpt2),
    Family("gpt-neox", "runs of blanks are added tokens", ("<|endoftext|>", "<|padding|>"), _write_gpt_neox),
    Family("qwen2", "its class splits as its tokenizer.json does", _QWEN_TOKENS, _write_qwen2),
    Family(
        "qwen2-other-split", "its class splits otherwise than its tokenizer.json", _QWEN_TOKENS,
        lambda folder: _write_qwen2(folder, _GPT4_DIGITS),
    ),
    Family("llama-legacy", "a blank is put before each piece of text", _LLAMA_TOKENS, _write_llama_legacy),
    Family("llama", "a blank is put before the first piece of text", _LLAMA_TOKENS, _write_llama),
    Family("mistral-v3", "Llama's class, more control tokens", _MISTRAL_TOKENS, _write_mistral_v3),
    Family("mistral-nemo", "Tekken's split, no class of its own", _MISTRAL_TOKENS, _write_mistral_nemo),
    Family("llama3", "two post-processors, no class of its own", _LLAMA3_TOKENS, _write_llama3),
    Family("deepseek", "Llama's class, bytes, three splits", _DEEPSEEK_TOKENS, _write_deepseek),
    Family("gemma", "no blank before a text, runs of line ends are tokens", _GEMMA_TOKENS, _write_gemma),
    Family("t5", "a Unigram that forgets runs of blanks; EOS behind", _T5_TOKENS, _write_t5),
    Family("unigram-nfkc", "normalises before it splits; BOS and EOS", _XLM_TOKENS, _write_unigram_nfkc),
    Family("bert", "words in lower case between [CLS] and [SEP]", _BERT_TOKENS, _write_bert),
    Family("named-in-config", "control tokens in the configuration alone", _LATE, _write_named_in_config),
    Family(
        "pad-in-config", "special tokens that the configuration only names", ("[PAD]", *_LATE[:2]),
        _write_pad_in_config,
    ),
    Family("named-in-map", "control tokens in two older files alone", _LATE, _write_named_in_map),
)  # fmt: skip
"""Every family, in the manner of published models."""


def _change_config(write: Callable[[Path], None], **changed: Any) -> Callable[[Path], None]:
    def write_changed(folder: Path) -> None:
        write(folder)
        path = folder / "tokenizer_config.json"
        _write_json(path, json.loads(path.read_text("utf-8")) | changed)

    return write_changed


def _change_engine(write: Callable[[Path], None], **changed: Any) -> Callable[[Path], None]:
    """Let keys of the ``tokenizer.json`` have other values; those of ``model`` are merged."""

    def write_changed(folder: Path) -> None:
        write(folder)
        path = folder / "tokenizer.json"
        table = json.loads(path.read_text("utf-8"))
        model = table["model"] | changed.get("model", {})
        _write_json(path, table | changed | {"model": model})

    return write_changed


def _add_holes(write: Callable[[Path], None]) -> Callable[[Path], None]:
    """Leave ids unused between the vocabulary and a token that comes last."""

    def write_changed(folder: Path) -> None:
        write(folder)
        path = folder / "tokenizer.json"
        table = json.loads(path.read_text("utf-8"))
        last = max(table["model"]["vocab"].values())
        table["model"]["vocab"]["<|late|>"] = last + 50
        _write_json(path, table)

    return write_changed


_TRUNCATION = {"direction": "Right", "max_length": 24, "strategy": "LongestFirst", "stride": 0}
_PADDING = {
    "strategy": {"Fixed": 96}, "direction": "Left", "pad_to_multiple_of": None, "pad_id": 0,
    "pad_type_id": 0, "pad_token": "<unk>",
}  # fmt: skip
_BARE = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}


def _setting(name: str, peculiarity: str, write: Callable[[Path], None], base: str) -> Family:
    (family,) = (family for family in FAMILIES if family.name == base)
    return Family(f"{base}, {name}", peculiarity, family.control_tokens, write)


SETTINGS = (
    _setting("cut on the left", "its end is kept of a long text",
             _change_config(_write_llama3, truncation_side="left"), "llama3"),
    _setting("padded on the left", "shorter texts are padded in front",
             _change_config(_write_llama3, padding_side="left", pad_token="<|eot_id|>"), "llama3"),
    _setting("32 at most", "model_max_length is below seqlen",
             _change_config(_write_llama3, model_max_length=32), "llama3"),
    _setting("BOS asked for", "add_bos_token where the post-processor adds none",
             _change_config(_write_qwen2, add_bos_token=True, bos_token="<|endoftext|>"), "qwen2"),
    _setting("EOS asked for", "add_eos_token where the post-processor adds none",
             _change_config(_write_llama, add_eos_token=True), "llama"),
    _setting("EOS asked for", "add_eos_token where the post-processor adds none",
             _change_config(_write_mistral_nemo, add_eos_token=True), "mistral-nemo"),
    _setting("no BOS asked for", "add_bos_token is false, the post-processor adds it",
             _change_config(_write_llama, add_bos_token=False), "llama"),
    _setting("no BOS asked for", "add_bos_token is false, the post-processor adds it",
             _change_config(_write_llama3, add_bos_token=False), "llama3"),
    _setting("letters only", "split_special_tokens",
             _change_config(_write_llama3, split_special_tokens=True), "llama3"),
    _setting("letters only", "split_special_tokens",
             _change_config(_write_qwen2, split_special_tokens=True), "qwen2"),
    _setting("clean-up", "clean_up_tokenization_spaces",
             _change_config(_write_mistral_v3, clean_up_tokenization_spaces=True), "mistral-v3"),
    _setting("no prefix blank", "add_prefix_space is false",
             _change_config(_write_llama, add_prefix_space=False), "llama"),
    _setting("prefix blank", "add_prefix_space is true",
             _change_config(_write_gpt2, add_prefix_space=True), "gpt2"),
    _setting("prefix blank", "add_prefix_space is true, no class of its own",
             _change_config(_write_llama3, add_prefix_space=True), "llama3"),
    _setting("legacy", "legacy is true, the tokenizer.json is not",
             _change_config(_write_llama, legacy=True), "llama"),
    _setting("truncation", "its tokenizer.json cuts at 24",
             _change_engine(_write_llama3, truncation=_TRUNCATION), "llama3"),
    _setting("padding", "its tokenizer.json pads to 96",
             _change_engine(_write_llama, padding=_PADDING), "llama"),
    _setting("dropout", "BPE dropout", _change_engine(_write_llama3, model={"dropout": 0.3}), "llama3"),
    _setting("dropout", "BPE dropout", _change_engine(_write_qwen2, model={"dropout": 0.3}), "qwen2"),
    _setting("holes", "ids between the vocabulary and its last token are unused",
             _add_holes(_write_llama3), "llama3"),
    _setting("Llama's class", "bytes, and the class of a model with pieces",
             lambda folder: _write_mistral_nemo(folder, "LlamaTokenizer"), "mistral-nemo"),
    _setting("Llama's class", "bytes, and the class of a model with pieces",
             lambda folder: _write_llama3(folder, "LlamaTokenizerFast"), "llama3"),
    _setting("GPT-2's class", "Tekken's split, and a class with another",
             lambda folder: _write_mistral_nemo(folder, "GPT2Tokenizer"), "mistral-nemo"),
    _setting("GPT-2's class", "a split that the class does not have",
             lambda folder: _write_llama3(folder, "GPT2TokenizerFast"), "llama3"),
    _setting("no class", "neither a class nor a model type is named",
             _change_config(_write_named_in_map, tokenizer_class=None), "named-in-map"),
    _setting("cased", "do_lower_case is false, its tokenizer.json lowers",
             _change_config(_write_bert, do_lower_case=False), "bert"),
    _setting("XLM-R's class", "NFKC, which the class does not do",
             lambda folder: _write_unigram_nfkc(folder, "XLMRobertaTokenizer"), "unigram-nfkc"),
    _setting("blanks before", "its ByteLevel puts a blank before a text",
             _change_engine(_write_gpt2, pre_tokenizer=_BARE), "gpt2"),
)  # fmt: skip
"""Families with one setting changed, which published models have or hand-made folders get."""
