"""A calibration file read back by a program that shares nothing with calibset."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from tokenizers import Tokenizer

Read = Callable[[str], list[int]]


def find_faults(file: Path, model: Path, *, quantizer: str, nsamples: int, seqlen: int) -> Iterator[str]:
    """Yield what is wrong with a file: a row that is no text, too short, or that its quantizer would drop.

    Args:
        file: The file, JSON Lines.
        model: The folder of its tokenizer.
        quantizer: The quantizer that it was built for.
        nsamples: How many rows it must have.
        seqlen: How many tokens each must have.
    """
    content = file.read_bytes()
    if not content.isascii():
        yield "the file is not ASCII"
    if not content.endswith(b"\n") or b"\r" in content:
        yield "its lines don't end in line feeds alone"
    rows = [json.loads(line) for line in content.decode("ascii").split("\n")[:-1]]
    if len(rows) != nsamples:
        yield f"{len(rows)} rows for {nsamples}"
    manifest = json.loads(
        file.with_name(f"{file.name.removesuffix('.jsonl')}.manifest.json").read_text("utf-8")
    )
    recorded = [sample["tokens"] for sample in manifest["samples"]]
    if len(recorded) != len(rows):
        yield f"{len(recorded)} rows in the manifest"
    read, around = load(model)
    joined = 0
    for number, (row, tokens) in enumerate(zip(rows, recorded, strict=False), 1):
        if not isinstance(row, dict) or not isinstance(row.get("text"), str) or not row["text"].strip():
            yield f"row {number}: has no text"
            continue
        ids = read(row["text"].rstrip())
        joined += len(ids)
        if not len(ids) - around == tokens == row["tokens"]:
            said = f"{tokens} in the manifest and {row['tokens']} beside it"
            yield f"row {number}: {len(ids)} tokens, {around} of them around the text; {said}"
        yield from (f"row {number}: {fault}" for fault in _find_row_faults(ids, quantizer, seqlen))
    if quantizer == "exllamav2" and joined < nsamples * seqlen:
        yield f"ExLlamaV2 finds {joined} tokens"


def _find_row_faults(ids: list[int], quantizer: str, seqlen: int) -> Iterator[str]:
    if len(ids) < seqlen:
        yield f"{len(ids)} tokens, short of {seqlen}"
    kept = ids[:seqlen]
    if quantizer == "autoround" and kept and kept.count(kept[-1]) > seqlen // 2:
        yield f"AutoRound drops it, for its last token is {kept.count(kept[-1])} of {seqlen}"
    if quantizer == "gptqmodel" and len(ids) < 11:
        yield "GPTQModel drops it"


def load(model: Path) -> tuple[Read, int]:
    """Return what reads a text as a quantizer does, and how many tokens it puts around one."""
    from transformers import AutoTokenizer

    try:
        loaded = AutoTokenizer.from_pretrained(str(model), local_files_only=True)
        empty = len(loaded("a")["input_ids"]) - len(loaded("a", add_special_tokens=False)["input_ids"])
    except Exception:  # noqa: BLE001  (whatever a class raises that can't read this folder)
        engine = Tokenizer.from_file(str(model / "tokenizer.json"))
        engine.no_truncation()
        engine.no_padding()
        return lambda text: list(engine.encode(text).ids), len(engine.encode("").ids)
    return lambda text: list(loaded(text)["input_ids"]), empty
