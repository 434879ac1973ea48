"""The base class of adapters that read rows of JSON, whatever else they read."""

from __future__ import annotations

from typing import Self

from calibset.sources.formats.json_rows import require_row_per_line
from calibset.sources.sampling.line_blocks import StartRule
from calibset.sources.text_source import TextSource
from calibset.storage.files import File
from calibset.storage.given_rows import GIVEN


class JsonSource(TextSource):
    """Base class of the adapters of JSON Lines and JSON arrays."""

    def start_rule(self, file: File) -> StartRule:
        """Return the rule that a row starts on every line; raise if the file has no row per line."""
        require_row_per_line(file)
        return super().start_rule(file)

    def _read_from_memory(self) -> Self:
        """Return the source of the same rows in memory, without the keys that tell of files."""
        unset = {"where": (GIVEN,), "config": (), "split": (), "files": (), "revision": None}
        return self.model_copy(update={**unset, "encoding": "utf-8", "rows_at": None})
