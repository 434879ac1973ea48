"""mistral-common's Tekkenizer over an engine that is there already.

Its own constructor builds a second engine, and decodes each of 131,072 tokens into a list that nobody reads.
This one is given the small head of a Tekken file, and reads and writes with calibset's engine.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import cast

from mistral_common.tokens.tokenizers.base import SpecialTokenPolicy, TokenizerVersion
from mistral_common.tokens.tokenizers.tekken import SpecialTokenInfo, Tekkenizer

from calibset.tokenizers.tekken_engine import TekkenEngine

# Mistral-Small-3.2-24B-Instruct-2506 is of instruct version v11. Its control tokens are those
# that mistral-common 1.13 lists as defaults, and two more at these ids.
_V11_EXTRA = {32: "[ARGS]", 33: "[CALL_ID]"}


class LightTekkenizer(Tekkenizer):
    """A Tekkenizer that renders conversations; what it reads and writes is its engine's."""

    engine: TekkenEngine | None = None

    @classmethod
    def of_head(cls, head: bytes) -> LightTekkenizer:
        """Return that of a Tekken file's head, whose version and control tokens mistral-common must know."""
        with tempfile.TemporaryDirectory(prefix="calibset-") as folder:
            path = Path(folder) / "tekken.json"
            path.write_bytes(head)
            return cast("LightTekkenizer", cls.from_file(path))

    @classmethod
    def of_v11(cls, head: bytes) -> LightTekkenizer:
        """Return that of a head with the control tokens of Mistral Small 3.2."""
        model = json.loads(head)
        config = model["config"]
        return cls(
            model["vocab"],
            [
                SpecialTokenInfo(rank=rank, token_str=spelling, is_control=True)
                for rank, spelling in enumerate(v11_spellings())
            ],
            config["pattern"],
            config["default_vocab_size"],
            config["default_num_special_tokens"],
            TokenizerVersion.v11,
        )

    def spell_control_tokens(self) -> list[str]:
        """Return the spellings of the control tokens, by id."""
        return [self.id_to_piece(rank) for rank in range(self.num_special_tokens)]

    def encode(self, s: str, bos: bool, eos: bool) -> list[int]:
        """Return the ids of a text, with BOS before and EOS behind it if wanted."""
        if self.engine is None:
            return list(super().encode(s, bos, eos))
        return [*([self.bos_id] if bos else []), *self.engine.encode(s), *([self.eos_id] if eos else [])]

    def decode(
        self, tokens: list[int], special_token_policy: SpecialTokenPolicy = SpecialTokenPolicy.IGNORE
    ) -> str:
        """Return the text of ids; with an engine nothing, since what asks for it is mistral-common alone.

        It wants the text of each conversation, and drops it.
        """
        return "" if self.engine is not None else str(super().decode(tokens, special_token_policy))


def v11_spellings() -> list[str]:
    """Return the spellings of Mistral Small 3.2's control tokens by id, ids without one filled up."""
    spellings = {
        token["rank"]: str(getattr(token["token_str"], "value", token["token_str"]))
        for token in Tekkenizer.DEPRECATED_SPECIAL_TOKENS
    }
    spellings.update(_V11_EXTRA)
    return [spellings.get(rank, f"<SPECIAL_{rank}>") for rank in range(max(spellings) + 1)]
