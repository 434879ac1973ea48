"""A command of calibset in this process, after which the number of tokens that its engine encoded is printed.

python counted_build.py build RECIPE …
"""

from __future__ import annotations

import sys

from calibset.cli import main
from calibset.tokenizers.tekken_engine import TekkenEngine


def count_encoded() -> int:
    counted = 0
    encode = TekkenEngine._encode_anew

    def encode_and_count(engine: TekkenEngine, text: str) -> list[int]:
        nonlocal counted
        ids = encode(engine, text)
        counted += len(ids)
        return ids

    TekkenEngine._encode_anew = encode_and_count  # type: ignore[method-assign]
    if code := main():
        sys.exit(code)
    return counted


if __name__ == "__main__":
    print(f"{count_encoded()} tokens encoded")
