"""A server on 127.0.0.1 that holds files and dataset repositories in memory, and fails when told to."""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "c0ffee" + "0" * 34
"""The one commit of every repository, until it moves on."""

Headers = dict[str, str]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a request.

    Attributes:
        status: An answer in place of the right one.
        headers: Go with that answer.
        stop_after: Body bytes after which the connection closes, the length still announced in full.
        left_out: A header that the right answer lacks.
        also: Headers that it has in place of its own.
        methods: The requests that it meets.
        silent_after: Bytes of the body after which nothing more comes, and the connection stays; -1 if not
            even the status does.
        pause: Seconds before each byte, of the head and of the body.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    stop_after: int | None = None
    left_out: str = ""
    also: Mapping[str, str] = field(default_factory=dict)
    methods: tuple[str, ...] = ("GET",)
    silent_after: int | None = None
    pause: float = 0.0


WELL = Fault()
"""Nothing goes wrong."""


@dataclass
class Loopback:
    """The server's contents and what it was asked.

    Attributes:
        address: ``http://127.0.0.1:PORT``.
        files: By path, such as ``/a/b.json``.
        repositories: By ``OWNER/NAME``, each with its files by name, as its main branch has them.
        head: The commit that main is at.
        earlier: By repository and commit, the files as they were before main moved on.
        faults: By path, met one a request in this order; then all is well.
        broken: By path, met at every request.
        asked: Method and path of each request.
        ranges: The ``Range`` headers that came.
        logins: The ``Authorization`` headers that came.
        ignores_ranges: Whether a whole file is sent whatever part was asked for.
        over: Set when the server ends, so that no thread waits on.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    head: str = COMMIT
    earlier: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    broken: dict[str, Fault] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    ignores_ranges: bool = False
    over: threading.Event = field(default_factory=threading.Event)

    def fault_of(self, method: str, path: str) -> Fault:
        waiting = self.faults.get(path, [])
        if waiting and method in waiting[0].methods:
            return waiting.pop(0)
        found = self.broken.get(path, WELL)
        return found if method in found.methods else WELL

    def data_requests(self) -> list[str]:
        """Return the paths of files whose bytes were asked for."""
        return [path for method, path in self.asked if method == "GET" and "/api/" not in path]

    def move_on(self, commit: str) -> None:
        """Let main go to another commit; what the repositories hold stays at the one before, too."""
        self.earlier.update({(repo, self.head): dict(files) for repo, files in self.repositories.items()})
        self.head = commit

    def contents(self, repo: str, revision: str) -> dict[str, bytes] | None:
        if revision in ("main", self.head):
            return self.repositories.get(repo)
        return self.earlier.get((repo, revision))

    def file(self, path: str) -> bytes | None:
        if path in self.files:
            return self.files[path]
        found = re.fullmatch(r"(?:/datasets)?/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        return (self.contents(found[1], found[2]) or {}).get(found[3]) if found else None

    def api(self, path: str, body: bytes) -> tuple[int, Any, Headers]:
        """Return status, JSON and headers of the hub's own answers."""
        found = re.fullmatch(
            r"/api/(?:datasets|models)/([^/]+/[^/]+)(?:/(revision|paths-info|tree)/([^/]+)(/.*)?)?", path
        )
        if not found or found[1] not in self.repositories:
            return 404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"}
        repo, kind, revision = found[1], found[2], found[3] or "main"
        files = self.contents(repo, revision)
        if files is None:
            return 404, {"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"}
        if kind == "paths-info":
            names = [name for name in _paths(body) if name in files]
        elif kind == "tree":
            names = sorted(files)
        else:
            siblings = [{"rfilename": name} for name in sorted(files)]
            commit = self.head if revision == "main" else revision
            return 200, {"id": repo, "sha": commit, "siblings": siblings, "tags": []}, {}
        return 200, [_entry(name, files[name]) for name in names], {}


def _entry(name: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": len(content), "oid": _git_id(content)}


def _git_id(content: bytes) -> str:
    return sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _etag(content: bytes) -> str:
    return sha1(content).hexdigest()


def _paths(body: bytes) -> list[str]:
    text = body.decode()
    return list(json.loads(text)["paths"]) if text.startswith("{") else parse_qs(text).get("paths", [])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer is written in parts, and each would wait 40 ms for the one before to be acknowledged.
    disable_nagle_algorithm = True
    loopback: Loopback

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.loopback.asked.append((self.command, path))
        self.loopback.logins += self.headers.get_all("Authorization", [])
        fault = self.loopback.fault_of(self.command, path)
        if fault.silent_after == -1:
            self._keep_silent()
        elif fault.status:
            self._send(fault.status, b'{"error": "as told"}', dict(fault.headers))
        elif (content := self.loopback.file(path)) is not None:
            self._send_file(content, fault)
        elif "/resolve/" in path and path.split("/resolve/")[0][10:] in self.loopback.repositories:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": self.loopback.head})
        elif path.startswith("/api/"):
            status, data, headers = self.loopback.api(path, body)
            told = {"Content-Type": "application/json", **headers}
            self._send(status, json.dumps(data).encode(), told, fault)
        else:
            self._send(404, b"", {})

    do_GET = do_HEAD = do_POST = _answer  # noqa: N815  (the names that http.server calls)

    def _send_file(self, content: bytes, fault: Fault) -> None:
        headers = {
            "ETag": f'"{_etag(content)}"',
            "X-Repo-Commit": self.loopback.head,
            "Accept-Ranges": "bytes",
        }
        asked = self.headers.get("Range", "")
        if asked:
            self.loopback.ranges.append(asked)
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked)
        if not found or self.loopback.ignores_ranges:
            return self._send(200, content, headers, fault)
        first = int(found[1])
        last = min(int(found[2] or len(content)), len(content) - 1)
        if first > last:
            return self._send(416, b"", headers, fault)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        return self._send(206, content[first : last + 1], headers, fault)

    def _keep_silent(self) -> None:
        self.loopback.over.wait(60)
        self.close_connection = True

    def _write_slowly(self, content: bytes, pause: float) -> None:
        for byte in content:
            if self.loopback.over.wait(pause):
                break
            self.wfile.write(bytes([byte]))

    def _send(self, status: int, body: bytes, headers: Headers, fault: Fault = WELL) -> None:
        self.send_response(status)
        told = {"Content-Length": str(len(body)), **headers, **fault.also}
        told.pop(fault.left_out, None)
        for name, value in told.items():
            self.send_header(name, value)
        if fault.pause:
            self._headers_buffer.append(b"\r\n")
            head, self._headers_buffer = b"".join(self._headers_buffer), []
            self._write_slowly(head, fault.pause)
        else:
            self.end_headers()
        if self.command == "HEAD":
            return
        if fault.stop_after is not None and fault.stop_after < len(body):
            body, self.close_connection = body[: fault.stop_after], True
        if fault.silent_after is not None:
            self.wfile.write(body[: fault.silent_after])
            self._keep_silent()
        elif fault.pause:
            self._write_slowly(body, fault.pause)
        else:
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass  # a client that goes away early is what some tests are about


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Loopback]:
    """Serve until the block ends, over https if there are certificates."""
    loopback = Loopback()
    server = _Server(("127.0.0.1", 0), type("Bound", (_Handler,), {"loopback": loopback}))
    loopback.address = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    if tls:
        # Each connection shakes hands in a thread of its own.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield loopback
    finally:
        loopback.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def refusing() -> str:
    """Return an address at which nobody listens."""
    with serving() as loopback:
        return loopback.address


def use_as_hub(loopback_address: str, cache: str, change: Callable[[str, Any], None]) -> None:
    """Make huggingface_hub, imported or not, ask an address and keep what it gets in a folder.

    Args:
        loopback_address: In place of ``HF_ENDPOINT``, which is read once, at import.
        cache: In place of ``HF_HOME``.
        change: Sets an attribute of ``huggingface_hub.constants`` for as long as a test runs.
    """
    change("ENDPOINT", loopback_address)
    change("HUGGINGFACE_CO_URL_TEMPLATE", loopback_address + "/{repo_id}/resolve/{revision}/{filename}")
    change("HF_HUB_CACHE", cache)
    change("HF_HUB_DISABLE_XET", True)
    change("HF_HUB_DISABLE_TELEMETRY", True)
    change("HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    change("HF_HUB_OFFLINE", False)
