"""A vLLM server on this machine's processor."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_STARTS_WITHIN = 600
_STOPS_WITHIN = 60
_CPU_OPTIONS = ("--enforce-eager", "--dtype", "bfloat16")


@dataclass(frozen=True)
class VllmServer:
    """A server that runs.

    Attributes:
        url: Its address.
        log: What it has printed.
        process: It, at the head of a group of its own.
    """

    url: str
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def completions(self) -> int:
        """How many requests for completions it has answered, as its log says."""
        return self.log.read_text("utf-8", "replace").count('"POST /v1/completions HTTP/1.1" 200')

    def kill(self) -> None:
        """End it and what it started, as a machine that goes away would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(_STOPS_WITHIN)


@contextmanager
def serving(*words: str, port: int, log: Path) -> Iterator[VllmServer]:
    """Run `vllm serve` until the block ends.

    Args:
        words: The model or ``--config FILE``, and further options.
        port: Where it is to listen.
        log: The file for what it prints.
    """
    command = [vllm(), "serve", *words, "--host", "127.0.0.1", "--port", str(port), *_CPU_OPTIONS]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=subprocess.STDOUT, env=environment(), start_new_session=True
        )
    server = VllmServer(f"http://127.0.0.1:{port}", log, process)
    try:
        _wait_for(server)
        yield server
    finally:
        if process.poll() is None:
            server.kill()


def vllm() -> str:
    """Return vLLM's program beside this Python."""
    return str(Path(sys.executable).parent / "vllm")


def environment() -> dict[str, str]:
    """Return the environment for vLLM's programs: no network, and little memory for its cache."""
    return os.environ | {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _wait_for(server: VllmServer) -> None:
    end = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < end:
        if server.process.poll() is not None:
            raise AssertionError(f"vLLM didn't start:\n{server.log.read_text('utf-8', 'replace')[-4000:]}")
        try:
            with urllib.request.urlopen(f"{server.url}/health", timeout=5):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(1)
    raise AssertionError(f"vLLM is not there after {_STARTS_WITHIN} s")
