"""Files at https URLs."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from calibset.errors import SourceError
from calibset.storage.files import File
from calibset.storage.retrying import PASSING_STATUS, retried

if TYPE_CHECKING:
    import requests

__all__ = ["UrlReader"]

# A download stays in memory up to this size, then moves to a temporary file.
_IN_MEMORY = 64 * 2**20
_CHUNK = 2**20
_TIMEOUT = 30.0


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
            answer = retried(
                lambda: _checked(requests.head(self.url, timeout=_TIMEOUT, allow_redirects=True)), _passing
            )
        except requests.RequestException as error:
            if error.response is not None and error.response.status_code in (404, 410):
                return False
            raise SourceError(_explained(self.place, error)) from error
        return answer.ok

    def files(self, *patterns: str) -> tuple[File, ...]:
        """Return the file; of a folder, the files that the patterns name outright.

        Raises:
            SourceError: A folder, and a pattern that is no plain name: https lists no files.
        """
        if not self.url.endswith("/"):
            return (self._file(self.url.rsplit("/", 1)[-1].split("?")[0], self.url),)
        wild = [pattern for pattern in patterns if set(pattern) & set("*?[")]
        if wild:
            raise SourceError(
                f"{self.place}: https lists no files, so {', '.join(wild)} can't be looked up; "
                "name each with files = [...]"
            )
        return tuple(self._file(name, self.url + name) for name in sorted(patterns))

    def _file(self, name: str, url: str) -> File:
        return File(name, partial(_downloaded, url, self.place))


def _downloaded(url: str, place: str) -> BinaryIO:
    """Fetch a URL whole, going on from where a broken connection stopped."""
    import requests

    target = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  (the caller closes it)
    try:
        retried(partial(_fetch_rest, url, target), _passing)
    except requests.RequestException as error:
        target.close()
        raise SourceError(_explained(place, error)) from error
    target.seek(0)
    return cast("BinaryIO", target)


def _fetch_rest(url: str, target: IO[bytes]) -> None:
    import requests

    have = target.tell()
    # Bytes are counted as they are sent, so the server must not compress them.
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
        _checked(answer)
        if have and answer.status_code != 206:
            target.seek(0)
            target.truncate()
        expected = int(answer.headers.get("Content-Length", -1))
        received = 0
        for chunk in answer.iter_content(_CHUNK):
            target.write(chunk)
            received += len(chunk)
        if 0 <= received < expected:
            raise requests.exceptions.ChunkedEncodingError(f"{received} of {expected} bytes came")


def _checked(answer: requests.Response) -> requests.Response:
    answer.raise_for_status()
    return answer


def _passing(error: BaseException) -> bool:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code in PASSING_STATUS
    broken = (requests.exceptions.ChunkedEncodingError, requests.Timeout)
    dropped = isinstance(error, requests.ConnectionError) and "aborted" in str(error)
    return isinstance(error, broken) or dropped


def _explained(place: str, error: requests.RequestException) -> str:
    if error.response is not None:
        status = error.response.status_code
        hint = "check the URL" if status in (404, 410) else "try again later"
        return f"{place}: the server answers {status}; {hint}"
    reason = type(error).__name__
    return f"{place}: can't be reached ({reason}); check the network, or name a mirror with --mirror"
