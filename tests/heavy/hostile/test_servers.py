"""Servers that hang or send a byte now and then: a build ends by itself, and says where it waited."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.heavy.hostile.hostile_file import HostileFile, build
from tests.storage.loopback import COMMIT, Fault, serving

_ROWS = b'{"text": "Once upon a time there was one more of the kind."}\n' * 1_000
_ALL = ("GET", "HEAD", "POST")
# A second of silence, two of a trickle, four for a whole answer; and the start of a process beside others.
_LONGEST = 40.0


@pytest.mark.parametrize(
    "path",
    [
        "/a.jsonl",
        "/api/datasets/them/corpus",
        f"/api/datasets/them/corpus/paths-info/{COMMIT}",
        f"/datasets/them/corpus/resolve/{COMMIT}/a.jsonl",
    ],
)
@pytest.mark.parametrize(
    "fault",
    [
        Fault(silent_after=-1, methods=_ALL),
        Fault(silent_after=20, methods=_ALL),
        Fault(pause=0.1, methods=_ALL),
    ],
    ids=["hangs", "falls silent", "trickles"],
)
def test_it_ends(fault: Fault, path: str, tmp_path: Path) -> None:
    with serving() as loopback:
        loopback.files["/a.jsonl"] = _ROWS
        loopback.repositories["them/corpus"] = {"a.jsonl": _ROWS}
        loopback.broken[path] = fault
        place = "https://example.org/a.jsonl" if path == "/a.jsonl" else "hf://datasets/them/corpus"
        hostile = HostileFile(
            name="server",
            file_name="unused",
            write=lambda *_: None,
            options={"type": "jsonl", "where": place},
            words=("--mirror", f"https://example.org/={loopback.address}/"),
            environment={
                "CALIBSET_TIMEOUT": "1", "HF_HUB_OFFLINE": "0", "HF_ENDPOINT": loopback.address,
                "HF_HOME": str(tmp_path), "NO_PROXY": "127.0.0.1",
            },
        )  # fmt: skip
        start = time.monotonic()
        built = build(hostile, tmp_path / "build", 0)
        assert time.monotonic() - start < _LONGEST
    assert built.code == 1, built.said
    assert "CALIBSET_TIMEOUT" in built.said, built.said
