"""Fetching the bytes of a URL, or a range of them, whatever the connection does meanwhile."""

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
"""Statuses of answers that say that there is no such file."""

_NO_HEAD_STATUSES = (405, 501)
# What came of an answer before the connection broke is kept up to the last chunk.
_CHUNK = 2**16
# Seconds to connect, and between two chunks of an answer.
_TIMEOUT = (10.0, 30.0)


class Head(BaseModel):
    """What a server tells about a file.

    Attributes:
        size: In bytes; None where it doesn't tell, or sends no ranges of it.
        etag: Changes when the contents do; empty where it doesn't tell.
        modified: When the contents last changed, as the server spells it; empty where it doesn't tell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int | None = None
    etag: str = ""
    modified: str = ""

    @property
    def version(self) -> str:
        """What distinguishes the contents from others, as well as the server does; may be empty."""
        return self.etag or self.modified


@dataclass(frozen=True, slots=True)
class TransferFailure:
    """Why a request failed.

    Attributes:
        status: The status of the server's answer; None if none came.
        code: The hub's own name for the error, if it gives one.
        lost: Whether a connection broke that had been made.
        kind: The name of the error's class.
    """

    status: int | None
    code: str
    lost: bool
    kind: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """A file that is fetched over HTTP.

    Attributes:
        url: Its address.
        location: What messages call it.
        explain: Says what a failure means, and what to do about it.
        size: In bytes, where it is known; an answer of another size is refused.
        etag: The version that is wanted, where the server has such.
        headers: Returns what goes along with each request, perhaps a login.
    """

    url: str
    location: str
    explain: Callable[[TransferFailure], str]
    size: int | None = None
    etag: str = ""
    headers: Callable[[], Mapping[str, str]] = dict

    def head(self) -> Head | None:
        """Return what the server tells about the file, or None if it has no such file.

        Raises:
            SourceError: The server can't be asked.
        """
        import requests

        try:
            return retry(self._request_head, _is_transient)
        except requests.RequestException as error:
            failure = _describe(error)
            if failure.status in _NO_HEAD_STATUSES:
                return Head()
            if failure.status in MISSING_STATUSES:
                return None
            raise SourceError(f"{self.location}: {self.explain(failure)}") from error

    def fetch(self, start: int, end: int) -> bytes:
        """Return the bytes from one offset to before another.

        Raises:
            SourceError: They don't come, even after several tries.
        """
        download = _RangeDownload(self, start, end)
        self._retry(download.resume)
        return bytes(download.content)

    def fetch_whole(self, store: Callable[[int, bytes], object], size: int) -> int:
        """Fetch a file that the server sends only as a whole, and return its size.

        Args:
            store: Takes each part of the file with its offset.
            size: The bytes of a part.

        Raises:
            SourceError: The file doesn't come, even after several tries.
        """
        return self._retry(lambda: self._download(store, size))

    def _retry(self, call: Callable[[], T]) -> T:
        import requests

        try:
            return retry(call, _is_transient)
        except requests.RequestException as error:
            raise SourceError(f"{self.location}: {self.explain(_describe(error))}") from error

    def _request_head(self) -> Head:
        with _session().head(
            self.url, headers=self.request_headers(), timeout=_TIMEOUT, allow_redirects=True
        ) as answer:
            answer.raise_for_status()
            headers = answer.headers
        size = headers.get("Content-Length", "")
        sends_ranges = headers.get("Accept-Ranges") == "bytes" and "Content-Encoding" not in headers
        return Head(
            size=int(size) if sends_ranges and size.isdigit() else None,
            etag=headers.get("ETag", ""),
            modified=headers.get("Last-Modified", ""),
        )

    def _download(self, store: Callable[[int, bytes], object], size: int) -> int:
        import requests

        with _session().get(
            self.url, headers=self.request_headers(), stream=True, timeout=_TIMEOUT
        ) as answer:
            answer.raise_for_status()
            self.check_version(answer)
            offset, waiting = 0, bytearray()
            for chunk in answer.iter_content(_CHUNK):
                waiting += chunk
                if len(waiting) >= size:
                    store(offset, bytes(waiting))
                    offset += len(waiting)
                    waiting.clear()
            total = offset + len(waiting)
            if total < int(answer.headers.get("Content-Length", total)):
                raise requests.exceptions.ChunkedEncodingError(f"{total} bytes came")
            if waiting:
                store(offset, bytes(waiting))
        return total

    def check_version(self, answer: requests.Response) -> None:
        """Raise a SourceError if an answer is of another version of the file than the wanted one."""
        etag = answer.headers.get("ETag", "")
        if self.etag and etag and etag != self.etag:
            raise SourceError(f"{self.location}: it was replaced while it was read; start again")

    def request_headers(self, **headers: str) -> dict[str, str]:
        """Return the headers of a request for the file, with further ones."""
        # Bytes are counted as they are sent, so the server must not compress them.
        return {"Accept-Encoding": "identity", **self.headers(), **headers}


@dataclass(slots=True)
class _RangeDownload:
    """A range of a file that may come in several answers."""

    transfer: Transfer
    start: int
    end: int
    content: bytearray = field(default_factory=bytearray)

    def resume(self) -> None:
        """Request the bytes that have not come yet."""
        import requests

        offset = self.start + len(self.content)
        headers = self.transfer.request_headers(Range=f"bytes={offset}-{self.end - 1}")
        with _session().get(self.transfer.url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            answer.raise_for_status()
            self.transfer.check_version(answer)
            if not self._is_expected(answer, offset):
                raise requests.exceptions.ChunkedEncodingError("other bytes came than were asked for")
            # A server that sends the whole file in place of a range sends what is before it too.
            self._take(answer.iter_content(_CHUNK), 0 if answer.status_code == 206 else offset)
        if len(self.content) < self.end - self.start:
            raise requests.exceptions.ChunkedEncodingError(f"{len(self.content)} bytes came")

    def _is_expected(self, answer: requests.Response, offset: int) -> bool:
        """Return whether an answer's headers say that it is what was asked for."""
        if answer.status_code == 206:
            return answer.headers.get("Content-Range", "").startswith(f"bytes {offset}-")
        length = answer.headers.get("Content-Length")
        return self.transfer.size is None or length is None or length == str(self.transfer.size)

    def _take(self, chunks: Iterable[bytes], skipped: int) -> None:
        for chunk in chunks:
            new = chunk[skipped:]
            skipped -= len(chunk) - len(new)
            self.content += new[: self.end - self.start - len(self.content)]
            if len(self.content) == self.end - self.start:
                return


def _describe(error: requests.RequestException) -> TransferFailure:
    import requests

    is_broken = isinstance(error, requests.ConnectionError) and (
        "aborted" in str(error) or "Read timed out" in str(error)
    )
    return TransferFailure(
        status=None if error.response is None else error.response.status_code,
        code="" if error.response is None else error.response.headers.get("X-Error-Code", ""),
        lost=is_broken or isinstance(error, requests.ReadTimeout | requests.exceptions.ChunkedEncodingError),
        kind=type(error).__name__,
    )


def _is_transient(error: BaseException) -> bool:
    import requests

    if not isinstance(error, requests.RequestException):
        return False
    failure = _describe(error)
    # A port where nobody listens or answers does not mend in seconds.
    return failure.lost if failure.status is None else failure.status in TRANSIENT_STATUSES


@lru_cache
def _session() -> requests.Session:
    """Return the session that keeps connections open between requests."""
    import requests

    session = requests.Session()
    # Else a login of ~/.netrc, which many have for git, would take the place of the hub's.
    session.auth = lambda request: request
    return session
