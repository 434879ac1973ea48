"""Files at https URLs."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, BinaryIO, cast
from urllib.parse import quote, urlsplit

from calibset.errors import SourceError
from calibset.storage.files import File
from calibset.storage.retrying import PASSING_STATUS, retried

if TYPE_CHECKING:
    import requests

__all__ = ["UrlReader"]

# A download stays in memory up to this size, then moves to a temporary file.
_IN_MEMORY = 64 * 2**20
# What came of a piece when the connection breaks is lost, so pieces are small.
_CHUNK = 2**16
# Seconds to connect, and between two pieces of an answer.
_TIMEOUT = (10.0, 30.0)
_GONE = (404, 410)
_KNOWS_NO_HEAD = (405, 501)


@dataclass(frozen=True, slots=True)
class UrlReader:
    """A file at a URL, or a folder of files whose names the recipe gives.

    Attributes:
        place: The URL as the recipe spells it.
        url: Where it is really read from, a mirror perhaps.
    """

    place: str
    url: str
    revision: None = None

    def is_there(self) -> bool:
        """Return whether the server has it (a folder counts as there).

        Raises:
            SourceError: The server can't be asked.
        """
        if self.url.endswith("/"):
            return True
        import requests

        try:
            retried(
                lambda: _checked(requests.head(self.url, timeout=_TIMEOUT, allow_redirects=True)), _passing
            )
        except requests.RequestException as error:
            status = _status(error)
            if status in _KNOWS_NO_HEAD:
                return True
            if status in _GONE:
                return False
            raise SourceError(_explained(self.place, error)) from error
        return True

    def files(self, *patterns: str) -> tuple[File, ...]:
        """Return the file; of a folder, the files that the patterns name outright.

        Raises:
            SourceError: A folder, and a pattern that is no plain name (https lists no files) or
                leads out of it.
        """
        if not self.url.endswith("/"):
            # The place's own name, so that a mirror changes no document's id.
            return (self._file(urlsplit(self.place).path.rsplit("/", 1)[-1], self.place, self.url),)
        if wild := [pattern for pattern in patterns if set(pattern) & set("*?[")]:
            raise SourceError(
                f"{self.place}: https lists no files, so {', '.join(wild)} can't be looked up; "
                "name each with files = [...]"
            )
        if outside := [name for name in patterns if name.startswith("/") or ".." in name.split("/")]:
            raise SourceError(f"{self.place}: {', '.join(outside)} would lead out of the folder")
        return tuple(
            self._file(name, self.place + name, self.url + quote(name)) for name in sorted(set(patterns))
        )

    def _file(self, name: str, place: str, url: str) -> File:
        return File(name, partial(_downloaded, url, place))


def _downloaded(url: str, place: str) -> BinaryIO:
    """Fetch a URL whole, going on from where a broken connection stopped."""
    import requests

    target = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  (the caller closes it)
    try:
        retried(_Download(url, cast("IO[bytes]", target)).go_on, _passing)
    except requests.RequestException as error:
        target.close()
        raise SourceError(_explained(place, error)) from error
    except OSError as error:
        target.close()
        raise SourceError(f"{place}: can't be kept in a temporary file: {error.strerror}") from error
    target.seek(0)
    return cast("BinaryIO", target)


@dataclass(slots=True)
class _Download:
    """A download that may come in several pieces.

    Attributes:
        url: Where from.
        target: What came so far.
        etag: Names the version that came, so that two versions are never mixed.
    """

    url: str
    target: IO[bytes]
    etag: str = ""

    def go_on(self) -> None:
        import requests

        with requests.get(self.url, headers=self._headers(), stream=True, timeout=_TIMEOUT) as answer:
            if answer.status_code == 416:
                self._start_again()
                raise requests.exceptions.ChunkedEncodingError("there is nothing after what came")
            _checked(answer)
            have = self.target.tell()
            if have and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                self._start_again()
            self.etag = answer.headers.get("ETag", "")
            self._take(answer)

    def _headers(self) -> dict[str, str]:
        # Bytes are counted as they are sent, so the server must not compress them.
        headers = {"Accept-Encoding": "identity"}
        if have := self.target.tell():
            headers["Range"] = f"bytes={have}-"
            if self.etag and not self.etag.startswith("W/"):
                headers["If-Range"] = self.etag
        return headers

    def _start_again(self) -> None:
        self.target.seek(0)
        self.target.truncate()

    def _take(self, answer: requests.Response) -> None:
        import requests

        expected = int(answer.headers.get("Content-Length", -1))
        received = 0
        for chunk in answer.iter_content(_CHUNK):
            self.target.write(chunk)
            received += len(chunk)
        if 0 <= received < expected:
            raise requests.exceptions.ChunkedEncodingError(f"{received} of {expected} bytes came")


def _checked(answer: requests.Response) -> requests.Response:
    answer.raise_for_status()
    return answer


def _passing(error: BaseException) -> bool:
    import requests

    if isinstance(error, requests.HTTPError):
        return _status(error) in PASSING_STATUS
    # A port where nobody listens or answers does not mend in seconds.
    if isinstance(error, requests.ConnectTimeout):
        return False
    return _breaks_off(error) or isinstance(error, requests.Timeout)


def _breaks_off(error: BaseException) -> bool:
    import requests

    aborted = isinstance(error, requests.ConnectionError) and "aborted" in str(error)
    return aborted or isinstance(error, requests.exceptions.ChunkedEncodingError)


def _status(error: requests.RequestException) -> int | None:
    return None if error.response is None else error.response.status_code


def _explained(place: str, error: requests.RequestException) -> str:
    status = _status(error)
    if status in _GONE:
        return f"{place}: the server has no such file; check the URL"
    if status in (401, 403):
        return f"{place}: the server answers {status} and wants a login; fetch the file by hand"
    if status is not None:
        return f"{place}: the server answers {status}; try again later"
    if _breaks_off(error):
        return f"{place}: the download breaks off again and again; try again later, or use --mirror"
    reason = type(error).__name__
    return f"{place}: can't be reached ({reason}); check the network, or name a mirror with --mirror"
