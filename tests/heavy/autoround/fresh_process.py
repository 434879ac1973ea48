"""Read files with AutoRound as its command line does, and write what happened as JSON.

Usage: python fresh_process.py TOKENIZER SEQLEN NSAMPLES RESULT FILE...
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main(tokenizer_folder: str, seqlen: str, nsamples: str, result: str, *files: str) -> None:
    """Write, for each file, the ids that AutoRound takes or the error's name."""
    from auto_round import calib_dataset
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    pids = Path(f"{result}.pids")
    load = calib_dataset.CALIB_DATASETS["local"]

    def noted(*args: Any, **named: Any) -> Any:
        # A list would be filled in the fork alone.
        with pids.open("a", encoding="ascii") as stream:
            stream.write(f"{os.getpid()}\n")
        return load(*args, **named)

    calib_dataset.CALIB_DATASETS["local"] = noted
    outcomes = []
    for file in files:
        pids.write_text("")
        outcome: dict[str, Any] = {"ids": None, "error": None}
        try:
            rows = calib_dataset.get_dataset(
                tokenizer, int(seqlen), dataset_name=file, seed=42, nsamples=int(nsamples)
            )
            outcome["ids"] = [row["input_ids"].tolist() for row in rows]
        except Exception as error:  # noqa: BLE001  (which one is what the test asks)
            outcome["error"] = type(error).__name__
        outcome["here"] = [int(pid) == os.getpid() for pid in pids.read_text().split()]
        outcomes.append(outcome)
    forks = hasattr(calib_dataset, "_preprocess_dataset_in_subprocess")
    Path(result).write_text(json.dumps({"forks": forks, "files": outcomes}))


if __name__ == "__main__":
    main(*sys.argv[1:])
