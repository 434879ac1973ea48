from __future__ import annotations

from pathlib import Path

from pyarrow import parquet

from calibset.quantizers import ExportRow, get_quantizer


def test_what_is_written_is_this(tmp_path: Path) -> None:
    rows = [ExportRow(text="é one", ids=(1, 7)), ExportRow(text="two", ids=(1, 8))]
    out = {name: tmp_path / f"{name}{ending}" for name, ending in [
        ("llama.cpp", ".txt"), ("autoawq", ".json"), ("gptqmodel", ".jsonl"), ("llm-compressor", ".jsonl"),
        ("modelopt", ".jsonl"), ("exllamav2", ".parquet"),
    ]}  # fmt: skip
    for name, path in out.items():
        get_quantizer(name).export(rows, path)
    assert out["llama.cpp"].read_bytes() == "é one\n\ntwo\n".encode()
    assert out["autoawq"].read_bytes() == b"[\n[1, 7],\n[1, 8]\n]\n"
    assert out["gptqmodel"].read_bytes() == b'{"input_ids": [1, 7]}\n{"input_ids": [1, 8]}\n'
    assert (
        out["llm-compressor"].read_bytes().splitlines()[0]
        == b'{"input_ids": [1, 7], "attention_mask": [1, 1]}'
    )
    assert out["modelopt"].read_bytes().splitlines()[0] == b'{"text": "\\u00e9 one"}'
    assert parquet.read_table(out["exllamav2"]).to_pylist() == [{"text": "é one"}, {"text": "two"}]
