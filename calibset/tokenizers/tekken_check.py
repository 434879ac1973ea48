"""The check that a ``tokenizer.json`` with Tekken's vocabulary splits text as Tekken does.

Some converted files carry another model's pattern: they give different ids for a few texts in a thousand,
which the vocabulary does not show.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from calibset.tokenizers.engine_faults import translate_faults

if TYPE_CHECKING:
    import tokenizers

_SIZE = 131072
# The ids below are control tokens, which differ from version to version.
_FIRST = 1000
_VOCABULARY = "beb6c35bec8679517516bfe8b1d7eadc847b5964b9eddbdd1e433d6010f0ec37"

# The ids that mistral-common gives texts which other patterns (Llama's, GPT-2's) split elsewhere.
_EXPECTED_IDS = {
    "Cena 20 481,50 €; can'Tell, l'Slovensko.": (
        1067, 3414, 1032, 1050, 1048, 1032, 1052, 1056, 1049, 1044, 1053, 1048, 20340, 1059, 1710, 1039,
        69839, 1044, 1295, 1039, 12863, 1539, 99720, 1046,
    ),
    "};\n\n//\n  a\t\tb \n\n": (7154, 15308, 1032, 1261, 1009, 40796, 1032, 1267),
    "Z\u030clty\u0301 ko\u0302n\u030c-a": (
        1090, 1204, 1140, 1108, 2760, 1204, 1129, 7047, 1204, 1130, 1110, 1204, 1140, 7722,
    ),
    "के है নে": (10838, 4412, 9142, 2290),
    "HTTPServer's getURLs 1234567": (
        30499, 11473, 1681, 2012, 9605, 1115, 1032, 1049, 1050, 1051, 1052, 1053, 1054, 1055,
    ),
    "保险合同，$x$ №5 ½": (25939, 124592, 10336, 5021, 119505, 1120, 1036, 19765, 1053, 1032, 28504),
}  # fmt: skip


def note_split_mismatch(engine: tokenizers.Tokenizer) -> tuple[str, ...]:
    """Return a note if a tokenizer has Tekken's vocabulary but splits text differently; otherwise none."""
    if not _has_tekkens_vocabulary(engine):
        return ()
    with translate_faults("can't read a text that tells patterns apart"):
        misread = [
            text
            for text, ids in _EXPECTED_IDS.items()
            if tuple(engine.encode(text, add_special_tokens=False).ids) != ids
        ]
    if not misread:
        return ()
    return (
        f"this tokenizer.json has Tekken's vocabulary and splits text otherwise ({misread[0]!r}, for one): "
        "the model was trained with other ids; `calibset tokenizer` writes a right one",
    )


def _has_tekkens_vocabulary(engine: tokenizers.Tokenizer) -> bool:
    # The size first: the rest takes half a second.
    if engine.get_vocab_size() < _SIZE:
        return False
    digest = hashlib.sha256()
    for token, rank in sorted(engine.get_vocab().items(), key=lambda item: item[1]):
        if _FIRST <= rank < _SIZE:  # who trains a model further adds tokens behind
            digest.update(f"{rank} {token}\n".encode())
    return digest.hexdigest() == _VOCABULARY
