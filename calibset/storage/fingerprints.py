"""What a file holds, told by its SHA-256, which is taken once and remembered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

from calibset.storage.files import File
from calibset.storage.read_tracker import hash_ranges
from calibset.storage.score_folder import ScoreFolder

_FOREVER = 2**63
_SUFFIX = ".sha256"


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """The hashes of files, of which a folder of scores remembers those that had to be read whole.

    Attributes:
        folder: The folder. It remembers a file by its location, name, size and stamp.
        remembers: Whether what is found out is written there.
        on_hash: Called with the name of a file that is read whole, for who reports progress.
    """

    folder: ScoreFolder
    remembers: bool = False
    on_hash: Callable[[str], None] = lambda _name: None

    def find(self, file: File, location: str) -> str:
        """Return the SHA-256 of a file: as its server tells, as is remembered, or of all its bytes."""
        if file.sha256:
            return file.sha256
        key = "\x1f".join((location, file.name, str(file.size), file.stamp)).encode("utf-8", "surrogatepass")
        name = f"{blake2b(key, digest_size=16).hexdigest()}{_SUFFIX}"
        if file.stamp and (known := self._recall(name)):
            return known
        self.on_hash(file.name)
        size = file.size if file.size is not None else _FOREVER
        digest = hash_ranges(file, ((0, size),))
        if file.stamp and self.remembers:
            self.folder.write(name, digest.encode())
        return digest

    def _recall(self, name: str) -> str | None:
        text = self.folder.read_if_there(name, most=64)
        known = text.decode("ascii", "replace") if text else ""
        return known if len(known) == 64 and set(known) <= set("0123456789abcdef") else None
