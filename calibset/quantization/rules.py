"""What AutoRound does with every file and model of a kind, in words; said of a run, and of a file alone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from calibset.quantization.models import MISTRAL_NAMES

MISREAD: Mapping[str, str] = MappingProxyType({
    " ": "a space, which it removes",
    ",": "a comma, which separates datasets",
    ":": "a colon, which begins options",
})  # fmt: skip
"""Characters that a path may not hold, and what it makes of each."""

FILE_OF_MULTIMODAL = (
    "before 0.16 a plain .jsonl path is looked up among data sets of images where the model is multimodal, "
    "and ends in a KeyError"
)
READ_AS_TEXT = "with an option behind it, :num=, it is read as text"

MISTRAL_PATH = (
    f"a path that holds {', '.join(MISTRAL_NAMES[:-1])} or {MISTRAL_NAMES[-1]} makes AutoRound load "
    "mistral-common's tokenizer, which can't be called with texts (TypeError)"
)

SHORT_BATCH = "one row is left over, and it ends in an IndexError"
"""Of a version before 0.16, and rows that leave 1 when divided by ``batch_size``."""

BATCHES_OF_IDS = (
    "of a multimodal model 0.16 counts each tensor of ids as batch_size rows, however many it has, and stops "
    "early"
)
