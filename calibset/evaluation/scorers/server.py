"""Requests to a server that runs a model: JSON there and back, tried again when the network fails."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import local
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from calibset.core.environment import API_KEY
from calibset.core.errors import CalibsetError, RecipeError
from calibset.core.text import printable
from calibset.storage.retry import TRANSIENT_STATUSES, retry

if TYPE_CHECKING:
    import requests

# Seconds to connect, and to wait for an answer: many windows may stand in the server's queue.
_TIMEOUT = (10.0, 900.0)
_LONGEST_EXCERPT = 300
_NO_CONTENT = (404, 405, 501)


class ServerError(CalibsetError):
    """A server that runs a model can't be asked, or answers something else than was asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Attributes:
        status: The HTTP status.
        data: The JSON of its body; None if it is none.
        text: The body.
    """

    status: int
    data: Any
    text: str

    def explain(self) -> str:
        """Return the server's own words on an error."""
        data = self.data
        for key in ("error", "message", "detail"):
            if isinstance(data, Mapping) and data.get(key):
                data = data[key]
        said = data if isinstance(data, str) else self.text
        return printable(" ".join(said.split()))[:_LONGEST_EXCERPT]


@dataclass(frozen=True, slots=True)
class Server:
    """A server, at one address.

    The key goes to this address only: redirects are not followed, and logins of ~/.netrc are not sent.

    Attributes:
        url: The address, without a slash at its end.
        key: The key that goes with each request; empty for none.
    """

    url: str
    key: str = field(default="", repr=False)
    _local: local = field(default_factory=local, repr=False, compare=False)

    @classmethod
    def open(cls, target: str) -> Server:
        """Return the server at an address; ``/v1`` at its end is left out.

        Raises:
            RecipeError: The address holds a login, or none.
        """
        parts = urlsplit(target)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.username is not None or parts.password is not None:
            raise RecipeError(
                f"the address of {parts.hostname} holds a login; give the server's key in {API_KEY.name}"
            )
        if not parts.hostname or port == -1 or parts.query or parts.fragment:
            raise RecipeError(f"{target}: must be the address of a server, such as http://localhost:8000")
        path = parts.path.rstrip("/").removesuffix("/v1")
        return cls(f"{parts.scheme}://{parts.netloc}{path}", API_KEY.read().strip())

    def find(self, path: str) -> Any:
        """Return the JSON at a path, or None if the server has nothing there.

        Raises:
            ServerError: The server can't be asked.
        """
        answer = self._ask("GET", path, None)
        if answer.status in _NO_CONTENT:
            return None
        if answer.status != 200:
            raise self.refuse(answer)
        return answer.data

    def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Return what the server answers to a request, an error of the request among it.

        Raises:
            ServerError: The server can't be asked.
        """
        return self._ask("POST", path, body)

    def encode(self, text: str, model: str) -> list[int] | None:
        """Return the ids that the model's tokenizer makes of a text; None if the server doesn't tell."""
        answer = self.post("/tokenize", {"model": model, "prompt": text, "add_special_tokens": False})
        ids = answer.data.get("tokens") if isinstance(answer.data, Mapping) else None
        is_told = answer.status == 200 and isinstance(ids, list) and all(type(one) is int for one in ids)
        return ids if is_told else None

    def refuse(self, answer: Answer) -> ServerError:
        """Return the error for an answer that is none."""
        if answer.status in (401, 403):
            way = "does not accept the key in" if self.key else "wants a key; set"
            return ServerError(f"{self.url}: {way} {API_KEY.name}")
        if answer.status == 200:
            return ServerError(f"{self.url}: answers no JSON: {answer.explain()!r}")
        return ServerError(f"{self.url}: answers {answer.status}: {answer.explain() or 'nothing'}")

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        import requests

        try:
            return retry(lambda: self._request(method, path, body), _is_transient)
        except requests.HTTPError as error:
            response = error.response
            return self._read(response)
        except requests.RequestException as error:
            raise ServerError(f"{self.url}: {_describe(error)}") from error

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        import requests

        with self._session().request(
            method, self.url + path, json=body, timeout=_TIMEOUT, allow_redirects=False
        ) as response:
            if response.status_code in TRANSIENT_STATUSES:
                raise requests.HTTPError(response=response)
            if response.is_redirect:
                raise ServerError(f"{self.url}: sends requests on to another address; give that one")
            return self._read(response)

    def _read(self, response: requests.Response) -> Answer:
        text = response.content.decode("utf-8", "replace")
        if self.key:  # a server may repeat what it was sent
            text = text.replace(self.key, "…")
        return Answer(response.status_code, _read_json(text), text)

    def _session(self) -> requests.Session:
        """Return this thread's session, which keeps its connection open."""
        import requests

        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.auth = self._sign
            self._local.session = session
        return session

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.key:
            request.headers["Authorization"] = f"Bearer {self.key}"
        return request


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_broken(error: BaseException) -> bool:
    """Return whether an open connection broke."""
    import requests

    is_cut = isinstance(error, requests.ConnectionError) and (
        "aborted" in str(error) or "Connection broken" in str(error)
    )
    return is_cut or isinstance(error, requests.exceptions.ChunkedEncodingError)


def _is_transient(error: BaseException) -> bool:
    import requests

    return isinstance(error, requests.HTTPError) or _is_broken(error)


def _describe(error: requests.RequestException) -> str:
    import requests

    if isinstance(error, requests.Timeout):
        return "does not answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "has no certificate that is known here"
    if _is_broken(error):
        return "closes the connection, again and again"
    if isinstance(error, requests.ConnectionError):
        return "nothing answers there; is the server running?"
    return f"can't be asked: {type(error).__name__}"
