"""Downloads of a file, or of a range of its bytes, that survive broken connections."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict

from calibset.core.errors import SourceError
from calibset.storage.certificates import explain_untrusted, find_certificates
from calibset.storage.patience import Patience, read_patience, wait_for
from calibset.storage.retry import TRANSIENT_STATUSES, retry

if TYPE_CHECKING:
    import requests

T = TypeVar("T")

MISSING_STATUSES = (404, 410)
"""HTTP statuses that say that there is no such file."""

_NO_HEAD_STATUSES = (405, 501)
# If the connection breaks, the chunks of an answer that were received whole are kept.
_CHUNK = 2**16
# Seconds to connect.
_CONNECT = 10.0


class Head(BaseModel):
    """What a server says about a file.

    Attributes:
        size: In bytes; None if the server doesn't say, or sends no ranges of the file.
        etag: Changes when the contents do; empty if the server doesn't say.
        modified: When the contents last changed, as the server spells it; empty if it doesn't say.
        name: What the server calls the file; empty if it doesn't say.
        media_type: What the server says the file is, in small letters; empty if it doesn't say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int | None = None
    etag: str = ""
    modified: str = ""
    name: str = ""
    media_type: str = ""

    @property
    def version(self) -> str:
        """The best identifier of the contents that the server gives; may be empty."""
        return self.etag or self.modified


@dataclass(frozen=True, slots=True)
class TransferFailure:
    """Why a request failed.

    Attributes:
        status: The status of the server's answer; None if none came.
        code: The hub's own name for the error, if it gives one.
        lost: Whether an open connection broke.
        kind: The name of the error's class.
        untrusted: What to do if it was the server's certificate; empty if not.
    """

    status: int | None
    code: str
    lost: bool
    kind: str
    untrusted: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """A file that is fetched over HTTP.

    Attributes:
        url: The file's URL.
        location: The file's name in messages.
        explain: Returns what a failure means, and what to do about it.
        size: In bytes, if known; an answer of another size is refused.
        etag: The version that is wanted, if the server has versions.
        headers: Returns further headers for each request, perhaps a login.
    """

    url: str
    location: str
    explain: Callable[[TransferFailure], str]
    size: int | None = None
    etag: str = ""
    headers: Callable[[], Mapping[str, str]] = dict

    def head(self) -> Head | None:
        """Return what the server says about the file, or None if it has no such file.

        Raises:
            SourceError: The server can't be asked.
        """
        import requests

        patience = read_patience()
        try:
            return retry(lambda: self._wait_for_head(patience), _is_transient)
        except requests.RequestException as error:
            failure = _describe(error)
            if failure.status in _NO_HEAD_STATUSES:
                return Head()
            if failure.status in MISSING_STATUSES:
                return None
            raise self._error(error, patience) from error

    def fetch(self, start: int, end: int) -> bytes:
        """Return the bytes from one offset up to but not including another.

        Raises:
            SourceError: The bytes don't arrive, even after several tries.
        """
        download = _RangeDownload(self, start, end)
        self._retry(download.resume)
        return bytes(download.content)

    def _error(self, error: requests.RequestException, patience: Patience) -> SourceError:
        from calibset.storage.session import RefusedRedirectError

        if isinstance(error, RefusedRedirectError):
            return SourceError(f"{self.location}: {error}; fetch the file by hand")
        reason = patience.describe_silence() if _is_silent(error) else self.explain(_describe(error))
        return SourceError(f"{self.location}: {reason}")

    def fetch_whole(self, store: Callable[[int, bytes], object], size: int) -> int:
        """Fetch a file that the server sends only as a whole, and return its size.

        Args:
            store: Called with the offset and the bytes of each part of the file.
            size: How many bytes a part has.

        Raises:
            SourceError: The file doesn't arrive, even after several tries.
        """
        return self._retry(lambda patience, heard: self._download(store, size, patience, heard))

    def _retry(self, call: Callable[[Patience, _Heard], T]) -> T:
        """Return what a call returns that counts what it hears, calling it again after passing errors."""
        import requests

        patience = read_patience()

        def attempt() -> T:
            heard = _Heard()
            try:
                return wait_for(
                    lambda: call(patience, heard), self.location, patience, heard=lambda: heard.size
                )
            finally:
                heard.stop()

        try:
            return retry(attempt, _is_transient)
        except requests.RequestException as error:
            raise self._error(error, patience) from error

    def _wait_for_head(self, patience: Patience) -> Head:
        return wait_for(
            lambda: self._request_head(patience), self.location, patience, longest=patience.answer
        )

    def _request_head(self, patience: Patience) -> Head:
        timeout = _timeout(patience)
        with _open_session().head(
            self.url, headers=self.request_headers(), timeout=timeout, allow_redirects=True
        ) as answer:
            answer.raise_for_status()
            headers = answer.headers
        size = headers.get("Content-Length", "")
        sends_ranges = headers.get("Accept-Ranges") == "bytes" and "Content-Encoding" not in headers
        # Many a server says 0 if it is asked for the head alone.
        is_told = size.isdigit() and int(size) > 0
        return Head(
            size=int(size) if sends_ranges and is_told else None,
            etag=headers.get("ETag", ""),
            modified=headers.get("Last-Modified", ""),
            name=_read_name(headers.get("Content-Disposition", "")),
            media_type=headers.get("Content-Type", "").partition(";")[0].strip().lower(),
        )

    def _download(
        self, store: Callable[[int, bytes], object], size: int, patience: Patience, heard: _Heard
    ) -> int:
        import requests

        with _open_session().get(
            self.url, headers=self.request_headers(), stream=True, timeout=_timeout(patience)
        ) as answer:
            answer.raise_for_status()
            self.check_version(answer)
            offset, waiting = 0, bytearray()
            for chunk in _read_chunks(answer, heard):
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
        """Raise a SourceError if an answer is of another version of the file than the one wanted."""
        etag = answer.headers.get("ETag", "")
        if self.etag and etag and etag != self.etag:
            raise SourceError(f"{self.location}: the file was replaced while it was read; start again")

    def request_headers(self, **headers: str) -> dict[str, str]:
        """Return the headers of a request for the file, together with further ones."""
        # Bytes are counted as they are sent, so the server must not compress them.
        return {"Accept-Encoding": "identity", **self.headers(), **headers}


class _Heard:
    """What a server has sent so far.

    Attributes:
        size: The number of bytes.
    """

    def __init__(self) -> None:
        self.size = 0
        self._stopped = False

    def add(self, size: int) -> None:
        """Count further bytes; raise if nobody waits for them any longer."""
        if self._stopped:
            raise SourceError("nobody waits for it")
        self.size += size

    def stop(self) -> None:
        """Let whoever still receives something end."""
        self._stopped = True


@dataclass(slots=True)
class _RangeDownload:
    """A range of a file that may take several answers."""

    transfer: Transfer
    start: int
    end: int
    content: bytearray = field(default_factory=bytearray)
    was_silent: bool = False

    def resume(self, patience: Patience, heard: _Heard) -> None:
        """Request the bytes that are still missing."""
        import requests

        try:
            self._resume(patience, heard)
        except requests.RequestException as error:
            # A connection that has given bytes may have got lost; that happens, but not to each in turn.
            if _is_silent(error) and heard.size and not self.was_silent:
                self.was_silent = True
                raise requests.exceptions.ChunkedEncodingError("the connection fell silent") from error
            raise

    def _resume(self, patience: Patience, heard: _Heard) -> None:
        import requests

        offset = self.start + len(self.content)
        headers = self.transfer.request_headers(Range=f"bytes={offset}-{self.end - 1}")
        timeout = _timeout(patience)
        with _open_session().get(self.transfer.url, headers=headers, stream=True, timeout=timeout) as answer:
            answer.raise_for_status()
            self.transfer.check_version(answer)
            if not self._is_expected(answer, offset):
                raise requests.exceptions.ChunkedEncodingError("other bytes came than were asked for")
            # A server that sends the whole file instead of a range sends what is before the range too.
            self._take(_read_chunks(answer, heard), 0 if answer.status_code == 206 else offset)
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


def _read_name(disposition: str) -> str:
    """Return the name of a file in a header, without the folders that it may have been in."""
    message = Message()
    message["Content-Disposition"] = disposition
    name = message.get_filename("").replace("\\", "/").rpartition("/")[2].strip()
    return name if name.isprintable() else ""


def _read_chunks(answer: requests.Response, heard: _Heard) -> Iterator[bytes]:
    """Yield the content of an answer as it comes, however little that is."""
    import requests
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    try:
        # `iter_content` would wait for a whole chunk, which a byte now and then may never fill.
        while chunk := answer.raw.read1(_CHUNK, decode_content=True):
            heard.add(len(chunk))
            yield chunk
    except ReadTimeoutError as error:
        raise requests.ReadTimeout(error) from error
    except HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error


def _timeout(patience: Patience) -> tuple[float, float]:
    """Return the seconds to connect, and those between two bytes of an answer."""
    return min(_CONNECT, patience.silence), patience.silence


def _is_silent(error: BaseException) -> bool:
    import requests

    return isinstance(error, requests.ReadTimeout) or (
        isinstance(error, requests.ConnectionError) and "Read timed out" in str(error)
    )


def _describe(error: requests.RequestException) -> TransferFailure:
    import requests

    is_broken = isinstance(error, requests.ConnectionError) and "aborted" in str(error)
    return TransferFailure(
        status=None if error.response is None else error.response.status_code,
        code="" if error.response is None else error.response.headers.get("X-Error-Code", ""),
        lost=is_broken or isinstance(error, requests.exceptions.ChunkedEncodingError),
        kind=type(error).__name__,
        untrusted=explain_untrusted(error) or "",
    )


def _is_transient(error: BaseException) -> bool:
    import requests

    if not isinstance(error, requests.RequestException) or _is_silent(error):
        return False
    failure = _describe(error)
    # A port where nothing listens or answers does not come back in seconds.
    return failure.lost if failure.status is None else failure.status in TRANSIENT_STATUSES


def _open_session() -> requests.Session:
    """Return the session that keeps connections open between requests.

    Raises:
        SourceError: The certificates that the environment names are not there.
    """
    from calibset.storage.session import open_session

    return open_session(find_certificates())
