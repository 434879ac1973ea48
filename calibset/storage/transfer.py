"""Bytes of a URL, or a stretch of them, whatever the connection does meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict

from calibset.core.errors import SourceError
from calibset.storage.retry import TRANSIENT_STATUSES, retry

if TYPE_CHECKING:
    import requests

T = TypeVar("T")

MISSING_STATUSES = (404, 410)
"""HTTP answers that say that there is no such file."""

# What came of an answer when the connection breaks is kept up to the last chunk.
_CHUNK = 2**16
# Seconds to connect, and between two chunks of an answer.
_TIMEOUT = (10.0, 30.0)
_KNOWS_NO_HEAD = (405, 501)


class Head(BaseModel):
    """What a server tells of a file.

    Attributes:
        size: In bytes; None where it doesn't tell, or sends no parts of it.
        etag: Changes when the contents do; empty where it doesn't tell.
        modified: When they last did, as the server says it; empty where it doesn't tell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int | None = None
    etag: str = ""
    modified: str = ""

    @property
    def version(self) -> str:
        """What tells the contents from others, as well as the server does; may be empty."""
        return self.etag or self.modified


@dataclass(frozen=True, slots=True)
class TransferFailure:
    """What went wrong.

    Attributes:
        status: Of the server's answer, if it was one.
        code: What the hub calls its error, if it does.
        lost: Whether a connection was lost that had been made.
        kind: The name of the error.
    """

    status: int | None
    code: str
    lost: bool
    kind: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Where a file is fetched from.

    Attributes:
        url: Its address.
        place: What messages call it.
        explained: Says what is wrong with an answer, and what to do about it.
        size: Of the file, where it is known; an answer of another size is none.
        etag: Names the version that is wanted, where the server has such.
        headers: What goes along with each request, a login perhaps.
    """

    url: str
    location: str
    explained: Callable[[TransferFailure], str]
    size: int | None = None
    etag: str = ""
    headers: Callable[[], Mapping[str, str]] = dict

    def head(self) -> Head | None:
        """Return what the server tells of the file, or None if it has no such file.

        Raises:
            SourceError: It can't be asked.
        """
        import requests

        try:
            return retry(self._head, _passing)
        except requests.RequestException as error:
            trouble = _trouble(error)
            if trouble.status in _KNOWS_NO_HEAD:
                return Head()
            if trouble.status in MISSING_STATUSES:
                return None
            raise SourceError(f"{self.location}: {self.explained(trouble)}") from error

    def fetch(self, start: int, end: int) -> bytes:
        """Return the bytes from one place to another.

        Raises:
            SourceError: They don't come, even after several tries.
        """
        stretch = _Stretch(self, start, end)
        self._retried(stretch.go_on)
        return bytes(stretch.content)

    def whole(self, keep: Callable[[int, bytes], object], piece: int) -> int:
        """Fetch the file from a server that sends no parts of it, and return its size.

        Args:
            keep: Is given each piece with the place that it begins at.
            piece: Bytes of a piece.

        Raises:
            SourceError: It doesn't come, even after several tries.
        """
        return self._retried(lambda: self._whole(keep, piece))

    def _retried(self, call: Callable[[], T]) -> T:
        import requests

        try:
            return retry(call, _passing)
        except requests.RequestException as error:
            raise SourceError(f"{self.location}: {self.explained(_trouble(error))}") from error

    def _whole(self, keep: Callable[[int, bytes], object], piece: int) -> int:
        import requests

        with _session().get(self.url, headers=self._headers(), stream=True, timeout=_TIMEOUT) as answer:
            answer.raise_for_status()
            self.ensure_same(answer)
            start, waiting = 0, bytearray()
            for content in answer.iter_content(_CHUNK):
                waiting += content
                if len(waiting) >= piece:
                    keep(start, bytes(waiting))
                    start += len(waiting)
                    waiting.clear()
            size = start + len(waiting)
            if size < int(answer.headers.get("Content-Length", size)):
                raise requests.exceptions.ChunkedEncodingError(f"{size} bytes came")
            if waiting:
                keep(start, bytes(waiting))
        return size

    def ensure_same(self, answer: requests.Response) -> None:
        """Make sure that an answer is of the version that is wanted.

        Raises:
            SourceError: It is of another.
        """
        came = answer.headers.get("ETag", "")
        if self.etag and came and came != self.etag:
            raise SourceError(f"{self.location}: it was replaced while it was read; start again")

    def _headers(self, **more: str) -> dict[str, str]:
        # Bytes are counted as they are sent, so the server must not compress them.
        return {"Accept-Encoding": "identity", **self.headers(), **more}

    def _head(self) -> Head:
        with _session().head(
            self.url, headers=self._headers(), timeout=_TIMEOUT, allow_redirects=True
        ) as answer:
            answer.raise_for_status()
            found = answer.headers
        size = found.get("Content-Length", "")
        in_parts = found.get("Accept-Ranges") == "bytes" and "Content-Encoding" not in found
        return Head(
            size=int(size) if in_parts and size.isdigit() else None,
            etag=found.get("ETag", ""),
            modified=found.get("Last-Modified", ""),
        )


@dataclass(slots=True)
class _Stretch:
    """Bytes of a file that may come in several answers."""

    source: Transfer
    start: int
    end: int
    content: bytearray = field(default_factory=bytearray)

    def go_on(self) -> None:
        import requests

        at = self.start + len(self.content)
        headers = self.source._headers(Range=f"bytes={at}-{self.end - 1}")  # noqa: SLF001
        with _session().get(self.source.url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            answer.raise_for_status()
            self.source.ensure_same(answer)
            if not self._fits(answer, at):
                raise requests.exceptions.ChunkedEncodingError("other bytes came than were asked for")
            # A server that sends all of it in place of a part sends what is before it too.
            self._take(answer.iter_content(_CHUNK), 0 if answer.status_code == 206 else at)
        if len(self.content) < self.end - self.start:
            raise requests.exceptions.ChunkedEncodingError(f"{len(self.content)} bytes came")

    def _fits(self, answer: requests.Response, at: int) -> bool:
        """Return whether an answer is, as its headers have it, what was asked for."""
        if answer.status_code == 206:
            return answer.headers.get("Content-Range", "").startswith(f"bytes {at}-")
        length = answer.headers.get("Content-Length")
        return self.source.size is None or length is None or length == str(self.source.size)

    def _take(self, chunks: Iterable[bytes], skipped: int) -> None:
        for chunk in chunks:
            new = chunk[skipped:]
            skipped -= len(chunk) - len(new)
            self.content += new[: self.end - self.start - len(self.content)]
            if len(self.content) == self.end - self.start:
                return


def _trouble(error: requests.RequestException) -> TransferFailure:
    import requests

    broken = isinstance(error, requests.ConnectionError) and (
        "aborted" in str(error) or "Read timed out" in str(error)
    )
    return TransferFailure(
        status=None if error.response is None else error.response.status_code,
        code="" if error.response is None else error.response.headers.get("X-Error-Code", ""),
        lost=broken or isinstance(error, requests.ReadTimeout | requests.exceptions.ChunkedEncodingError),
        kind=type(error).__name__,
    )


def _passing(error: BaseException) -> bool:
    import requests

    if not isinstance(error, requests.RequestException):
        return False
    trouble = _trouble(error)
    # A port where nobody listens or answers does not mend in seconds.
    return trouble.lost if trouble.status is None else trouble.status in TRANSIENT_STATUSES


@lru_cache
def _session() -> requests.Session:
    """Return what keeps connections open between requests."""
    import requests

    session = requests.Session()
    # Else a login of ~/.netrc, which many have for git, would take the place of the hub's.
    session.auth = lambda request: request
    return session
