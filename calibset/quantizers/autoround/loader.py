"""Intel AutoRound: what its loader keeps of a calibration file.

The rules are those of ``auto_round/calib_dataset.py`` in 0.12.3 and 0.16.1 (``get_local_dataset`` and the
filter in ``get_dataset``), for text rows without options; and of ``Compressor.calib`` for token ids, which
AutoRound takes as tensors from Python alone. Both versions keep the same rows.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibset.quantizers.autoround import pitfall
from calibset.quantizers.base import (
    ExportRow,
    FileFormat,
    LoadReport,
    QuantizerInfo,
    RowInput,
    RowResult,
    UnusableRow,
    shell_word,
)
from calibset.quantizers.row_reader import Fault, file_rows, file_texts, ids_in
from calibset.quantizers.row_writer import write_ids_table, write_json_lines
from calibset.quantizers.simulation import measured
from calibset.tokenizers.base import Tokenizer
from calibset.tokenizers.truncation import last_token_dominates, text_budget, visible_ids

INFO = QuantizerInfo(
    name="autoround",
    product="AutoRound",
    versions="0.12.3 to 0.16.1",
    files=("auto_round/calib_dataset.py", "auto_round/calibration/llm.py"),
    reads=(".jsonl", ".json", ".parquet"),
    forms=(FileFormat(ending=".parquet", holds="ids"), FileFormat(ending=".jsonl", holds="text")),
    traps=(
        f"{pitfall.FILE_OF_MULTIMODAL}; {pitfall.READ_AS_TEXT}",
        f"before 0.16, where rows % batch_size is 1, {pitfall.SHORT_BATCH}",
        f"{pitfall.MISTRAL_PATH}; hand over model and tokenizer as objects, or ids",
        pitfall.BATCHES_OF_IDS,
    ),
)

NAME = INFO.label

# AutoRound shuffles the rows with this seed before it takes the first nsamples.
_SHUFFLE_SEED = 42


def path_faults(path: str) -> tuple[str, ...]:
    """Say what in a file's path AutoRound would misread.

    Examples:
        >>> path_faults("out/my set.jsonl")
        ('the path holds a space, which it removes',)
    """
    faults = [f"the path holds {meaning}" for sign, meaning in pitfall.MISREAD.items() if sign in path]
    if not path.endswith((".json", ".jsonl")):
        faults.append("the path must end in .jsonl or .json")
    return tuple(faults)


def simulate(rows: Iterable[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> LoadReport:
    """Say what AutoRound keeps of rows: those of at least ``seqlen`` tokens.

    Args:
        rows: The rows' ``text`` values; or ids, each a tensor.
        tokenizer: The one that AutoRound will be given; it parses control tokens.
        nsamples: AutoRound's ``--nsamples``.
        seqlen: AutoRound's ``--seqlen``.
    """
    given = list(rows)
    if any(isinstance(row, tuple) for row in given):
        return _replay_ids(given, tokenizer, nsamples, seqlen)
    found = tuple(_accepted(number, row, tokenizer, seqlen) for number, row in enumerate(given, 1))
    warnings = []
    if len(found) > nsamples:
        warnings.append(
            f"{len(found)} rows for nsamples {nsamples}: which of them are used is a matter of "
            "AutoRound's shuffle, and so is the mixture"
        )
    return LoadReport(
        quantizer=NAME,
        nsamples=nsamples,
        seqlen=seqlen,
        rows=_taken(found, nsamples),
        warnings=tuple(warnings),
    )


def simulate_file(path: Path, tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> LoadReport:
    """Say what AutoRound keeps of a file, row by row; of a ``.parquet`` file, whose ids it is given.

    Raises:
        ConsumerError: The file can't be read.
    """
    if path.suffix == ".parquet":
        ids, faults = file_rows(path, _ids, tokenizer=tokenizer)
        return replace(simulate(ids, tokenizer, nsamples=nsamples, seqlen=seqlen), fatal=tuple(faults))
    texts, faults = file_texts(path)
    found = simulate(texts, tokenizer, nsamples=nsamples, seqlen=seqlen)
    warnings = found.warnings
    if not path.read_bytes().isascii():
        warnings = (*warnings, "the file isn't ASCII: AutoRound reads it in the locale's encoding")
    return replace(found, fatal=(*path_faults(str(path)), *faults), warnings=warnings)


def export(rows: Sequence[ExportRow], out: Path) -> None:
    """Write the rows' ids as parquet, or their texts as JSON Lines.

    Raises:
        OutputError: They can't be written.
    """
    if out.suffix == ".parquet":
        write_ids_table(out, [row.ids for row in rows])
    else:
        write_json_lines(out, ({"text": row.text} for row in rows))


def usage(out: Path, found: LoadReport) -> str:
    """Return what to type so that AutoRound reads what was exported."""
    if out.suffix != ".parquet":
        given = f"--nsamples {found.nsamples} --seqlen {found.seqlen}"
        return f"auto-round --model MODEL --dataset {shell_word(out)} {given}"
    # Batches that the rows divide into: of others versions before 0.16 lose rows.
    size = next(size for size in (4, 2, 1) if found.nsamples % size == 0)
    return (
        f'rows = torch.tensor(parquet.read_table({str(out)!r})["input_ids"].to_pylist())\n'
        'dataset = [{"input_ids": ids, "attention_mask": torch.ones_like(ids)} '
        f"for ids in rows.split({size})]\n"
        f"AutoRound(model, tokenizer, dataset=dataset, nsamples={found.nsamples}, seqlen={found.seqlen}, "
        f"batch_size={size})"
    )


def _accepted(number: int, row: RowInput, tokenizer: Tokenizer, seqlen: int) -> RowResult:
    if not isinstance(row, str):
        why = row.reason if isinstance(row, UnusableRow) else "texts and ids don't go together"
        return RowResult(row=number, tokens=0, reason=why)
    ids = tokenizer.encode(row.rstrip(), parse_special=True)
    read = visible_ids(ids, tokenizer, seqlen)
    reason = None
    if len(read) < seqlen:
        reason = f"{seqlen - len(read)} tokens short of {seqlen}"
    elif last_token_dominates(read, seqlen):
        reason = f"its last token stands {read.count(read[-1])} times in {seqlen}"
    return RowResult(
        row=number, tokens=len(ids), cut=max(0, len(ids) - text_budget(tokenizer, seqlen)), reason=reason
    )


def _taken(rows: tuple[RowResult, ...], nsamples: int) -> tuple[RowResult, ...]:
    order = list(range(len(rows)))
    random.Random(_SHUFFLE_SEED).shuffle(order)  # noqa: S311  (AutoRound's own shuffle, replayed)
    kept = [position for position in order if rows[position].kept]
    used = set(kept[:nsamples])
    return tuple(replace(row, used=position in used) for position, row in enumerate(rows))


def _replay_ids(given: Sequence[RowInput], tokenizer: Tokenizer, nsamples: int, seqlen: int) -> LoadReport:
    rows = [UnusableRow("texts and ids don't go together") if isinstance(row, str) else row for row in given]
    found = measured(rows, tokenizer)
    short = {row.row: seqlen - row.length for row in found if row.length < seqlen}
    accepted = [
        row.accepted(reason=f"{short[row.row]} tokens short of {seqlen}" if row.row in short else None)
        for row in found
    ]
    # Nothing is shuffled: the first that are long enough.
    used = {row.row for row in [row for row in accepted if row.kept][:nsamples]}
    return LoadReport(
        quantizer=NAME,
        nsamples=nsamples,
        seqlen=seqlen,
        rows=tuple(replace(row, used=row.row in used) for row in accepted),
        warnings=tuple(_warnings_on_ids([row.length for row in found], nsamples, seqlen)),
    )


def _warnings_on_ids(lengths: Sequence[int], nsamples: int, seqlen: int) -> Iterator[str]:
    if longer := sum(length > seqlen for length in lengths):
        yield f"{longer} rows are longer than seqlen {seqlen}, and AutoRound doesn't cut ids"
    if len(lengths) > nsamples:
        yield f"{len(lengths)} rows for nsamples {nsamples}: the first are used, in the file's order"


def _ids(row: Any) -> tuple[int, ...] | Fault:
    return ids_in(row.get("input_ids"))
