"""A hub on 127.0.0.1 that repositories can be made on and files committed to, in memory."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.storage.loopback import use_as_hub


@dataclass(frozen=True)
class Committed:
    """A commit that the hub was sent."""

    repo: str
    message: str
    files: dict[str, bytes]


@dataclass
class WritableHub:
    """What the hub holds, and how it answers.

    Attributes:
        address: ``http://127.0.0.1:PORT``.
        private: By ``OWNER/NAME``, whether a repository is private.
        commits: In order.
        refusals: By the last part of a path, the status that it answers instead of doing what is asked.
        faults: What the hub finds wrong with a card's metadata.
        logins: The tokens that it was sent.
        garbled: Whether its answers are no JSON.
    """

    address: str = ""
    private: dict[str, bool] = field(default_factory=dict)
    commits: list[Committed] = field(default_factory=list)
    refusals: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    logins: set[str] = field(default_factory=set)
    garbled: bool = False

    def answer(self, path: str, body: bytes) -> tuple[int, Any]:
        parts = path.strip("/").split("/")
        if status := self.refusals.get(parts[-1] if parts[-1] != "main" else parts[-2]):
            return status, {"error": "as told"}
        if parts == ["api", "repos", "create"]:
            return self._create(json.loads(body))
        if parts == ["api", "validate-yaml"]:
            errors = [{"message": fault} for fault in self.faults]
            return 400 if errors else 200, {"errors": errors, "warnings": []}
        repo = "/".join(parts[2:4])
        if parts[:2] == ["api", "datasets"] and repo in self.private:
            return 200, self._answer_of_repository(repo, parts[4:], body)
        return 404, {"error": "not found"}

    def _answer_of_repository(self, repo: str, path: list[str], body: bytes) -> dict[str, Any]:
        if path == ["preupload", "main"]:
            return {"files": [_regular(file["path"]) for file in json.loads(body)["files"]]}
        if path == ["commit", "main"]:
            self.commits.append(_read_commit(repo, body))
            return {"commitUrl": f"{self.address}/{repo}/commit/1", "commitOid": "1", "hookOutput": ""}
        return {"id": repo, "private": self.private[repo], "sha": "1", "siblings": [], "tags": []}

    def _create(self, wanted: dict[str, Any]) -> tuple[int, Any]:
        repo = f"{wanted.get('organization') or 'me'}/{wanted['name']}"
        if repo in self.private:
            return 409, {"error": "You already created this dataset repo", "url": self._url(repo)}
        self.private[repo] = wanted.get("private") is True or wanted.get("visibility") == "private"
        return 200, {"url": self._url(repo)}

    def _url(self, repo: str) -> str:
        return f"{self.address}/datasets/{repo}"


def _regular(name: str) -> dict[str, Any]:
    return {"path": name, "uploadMode": "regular", "shouldIgnore": False, "oid": None}


def _read_commit(repo: str, body: bytes) -> Committed:
    lines = [json.loads(line) for line in body.splitlines() if line]
    (message,) = (line["value"]["summary"] for line in lines if line["key"] == "header")
    files = {
        line["value"]["path"]: b64decode(line["value"]["content"]) for line in lines if line["key"] == "file"
    }
    return Committed(repo, message, files)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer is written in parts, and each would wait 40 ms for the one before to be acknowledged.
    disable_nagle_algorithm = True
    hub: WritableHub

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.hub.logins.update(self.headers.get_all("Authorization", []))
        status, data = self.hub.answer(urlsplit(self.path).path, body)
        content = b"<html>" if self.hub.garbled else json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _answer  # noqa: N815  (the names that http.server calls)


def use_hub(address: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `huggingface_hub` ask an address, without a login, and cache in a folder."""
    from huggingface_hub import constants

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HF_TOKEN", raising=False)

    def change(name: str, value: Any) -> None:
        monkeypatch.setattr(constants, name, value, raising=False)

    use_as_hub(address, str(folder), change)


@contextmanager
def serve_writable_hub() -> Iterator[WritableHub]:
    """Serve until the block ends."""
    hub = WritableHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
