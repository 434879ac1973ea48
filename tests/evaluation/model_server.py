"""A server on 127.0.0.1 that speaks vLLM's or SGLang's protocol for a model of pairs of tokens.

The protocols are as read in vLLM 0.32 (tried against a real server) and in SGLang's sources.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from calibset.evaluation.windows import Window

Fault = Literal[
    "other ids", "other prompt", "fewer positions", "fewer likely", "nan", "infinite", "above 0",
    "no numbers",
    "another model", "no logprobs", "no json", "closes", "500", "503", "400",
]  # fmt: skip
"""What goes wrong with an answer about log probabilities."""


@dataclass(frozen=True)
class Bigram:
    """A model in which a token depends on the one before it alone, so that everything is known exactly.

    Attributes:
        vocabulary: How many ids it knows.
        seed: Which of such models it is.
        sharpness: How sure it is.
        end: The id that ends what it writes; None if it never ends.
    """

    vocabulary: int = 300
    seed: int = 0
    sharpness: float = 2.0
    end: int | None = None

    @cached_property
    def table(self) -> npt.NDArray[np.float64]:
        """The log probability of each token after each."""
        random = np.random.default_rng(self.seed)
        logits = self.sharpness * random.normal(size=(self.vocabulary, self.vocabulary))
        table: npt.NDArray[np.float64] = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return table

    def logprobs(self, window: Window) -> npt.NDArray[np.float64]:
        """Return the log probability of each scored token of a window."""
        result: npt.NDArray[np.float64] = self.table[window.ids[window.scored - 1], window.targets]
        return result

    @cached_property
    def order(self) -> npt.NDArray[np.int64]:
        """The tokens after each, the likeliest first."""
        return np.argsort(-self.table, axis=1, kind="stable")

    @cached_property
    def ranks(self) -> npt.NDArray[np.int64]:
        """The rank of each token after each, from 1."""
        return np.argsort(self.order, axis=1) + 1

    def top(self, before: int, k: int) -> list[int]:
        """Return the likeliest tokens after one."""
        top: list[int] = self.order[before, :k].tolist()
        return top

    def write(self, prompt: list[int], length: int) -> list[int]:
        """Return what it writes after a prompt, the likeliest each time."""
        ids = list(prompt)
        while len(ids) < len(prompt) + length:
            ids.append(self.top(ids[-1], 1)[0])
            if ids[-1] == self.end:
                break
        return ids[len(prompt) :]


@dataclass
class ModelServer:
    """What the server is, and what it was asked.

    Attributes:
        engine: Whose protocol it speaks.
        model: The model.
        name: What the model is called.
        key: The key that it wants; empty for none.
        max_logprobs: How many of the likeliest tokens it gives at most.
        max_model_len: How many tokens it takes.
        gives_ids: Whether it gives the ids of what it writes, as vLLM does since 0.10.2.
        adapters: Adapters that it serves beside the model.
        faults: What goes wrong with the next requests, one after another.
        broken: What goes wrong with every request.
        hold: What every request waits for.
        prompts: The ids that came, for log probabilities and for continuations.
        bodies: What came with them.
        logins: The ``Authorization`` headers that came.
        tokenizer: What it tokenizes with; a 404 if None.
        address: ``http://127.0.0.1:PORT``.
    """

    engine: Literal["vllm", "sglang", "other"] = "vllm"
    model: Bigram = field(default_factory=Bigram)
    name: str = "base"
    key: str = ""
    max_logprobs: int = 20
    max_model_len: int = 4096
    gives_ids: bool = True
    adapters: tuple[str, ...] = ()
    faults: list[Fault | None] = field(default_factory=list)
    broken: Fault | None = None
    dies_after: int | None = None
    prompts: list[list[int]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    tokenizer: Any = None
    address: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, path: str) -> tuple[int, Any]:
        if self.engine == "sglang":
            found = {
                "/get_model_info": {"model_path": self.name, "is_generation": True},
                "/get_server_info": {
                    "version": "0.5.6", "context_length": self.max_model_len, "dtype": "bfloat16",
                    "served_model_name": self.name,
                },
                "/v1/models": {"data": [{"id": self.name, "owned_by": "sglang"}]},
            }  # fmt: skip
        else:
            models = [
                {"id": name, "owned_by": self.engine, "root": f"/models/{name}", "parent": parent,
                 "max_model_len": self.max_model_len}
                for name, parent in ((self.name, None), *((one, self.name) for one in self.adapters))
            ]  # fmt: skip
            found = {"/v1/models": {"object": "list", "data": models}, "/version": {"version": "0.32.0"}}
        return (200, found[path]) if path in found else (404, {"detail": "Not Found"})

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any] | Fault:
        if path == "/tokenize" and self.tokenizer is not None:
            ids = self.tokenizer.encode(body["prompt"], parse_special=True)
            return 200, {"tokens": ids, "count": len(ids), "max_model_len": self.max_model_len}
        if path != {"vllm": "/v1/completions", "sglang": "/generate"}.get(self.engine):
            return 404, {"detail": "Not Found"}
        ids = body["prompt"] if self.engine == "vllm" else body["input_ids"]
        with self.lock:
            if self.dies_after is not None and len(self.prompts) >= self.dies_after:
                return "closes"
            fault = self.broken or (self.faults.pop(0) if self.faults else None)
            self.prompts.append(ids)
            self.bodies.append(body)
        if fault in ("closes", "no json"):
            return fault
        if fault in ("500", "503", "400"):
            return int(fault), {"error": {"message": "something is wrong inside", "code": int(fault)}}
        if fault == "other prompt":
            ids = [ids[0], *ids[2:], ids[1]]
        return self.complete(ids, body, fault) if self.engine == "vllm" else self.generate(ids, body, fault)

    def number(self, value: float, fault: Fault | None) -> Any:
        odd = {"nan": float("nan"), "infinite": -9999.0, "above 0": 0.5, "no numbers": "much"}
        return odd.get(fault or "", float(np.float32(value)))

    def complete(self, ids: list[int], body: dict[str, Any], fault: Fault | None) -> tuple[int, Any]:
        """Answer as vLLM's ``/v1/completions`` does."""
        k = body.get("prompt_logprobs")
        if k is not None and k > self.max_logprobs:
            said = f"Requested prompt logprobs of {k}, which is greater than max allowed: {self.max_logprobs}"
            return 400, {"error": {"message": said, "type": "BadRequestError", "code": 400}}
        if body["model"] not in (self.name, *self.adapters):
            return 404, {"error": {"message": f"The model `{body['model']}` does not exist.", "code": 404}}
        if len(ids) + body["max_tokens"] > self.max_model_len:
            said = f"This model's maximum context length is {self.max_model_len} tokens."
            return 400, {"error": {"message": said, "type": "BadRequestError", "code": 400}}
        written = self.model.write(ids, body["max_tokens"])
        choice: dict[str, Any] = {"index": 0, "text": "", "finish_reason": "length", "prompt_logprobs": None}
        if k is not None and fault != "no logprobs":
            choice["prompt_logprobs"] = [None, *(self.entry(*pair, k, fault) for pair in pairwise(ids))]
        if fault == "fewer positions":
            choice["prompt_logprobs"].pop()
        if "logprobs" in body and body.get("return_tokens_as_token_ids"):
            choice["logprobs"] = {"tokens": [f"token_id:{one}" for one in written]}
        if self.gives_ids and body.get("return_token_ids"):
            choice |= {"token_ids": written, "prompt_token_ids": ids}
        model = "someone-else" if fault == "another model" else body["model"]
        return 200, {"id": "cmpl-0", "object": "text_completion", "model": model, "choices": [choice]}

    def entry(self, before: int, token: int, k: int, fault: Fault | None) -> dict[str, Any]:
        row = self.model.table[before]
        wanted = [token, *(one for one in self.model.top(before, k) if one != token)]
        if fault == "fewer likely":
            wanted = wanted[:2]
        if fault == "other ids":
            wanted = [one for one in wanted if one != token]
        return {
            str(one): {
                "logprob": self.number(row[one], fault),
                "rank": int(self.model.ranks[before, one]),
                "decoded_token": "?",
            }
            for one in wanted
        }

    def generate(self, ids: list[int], body: dict[str, Any], fault: Fault | None) -> tuple[int, Any]:
        """Answer as SGLang's ``/generate`` does."""
        k, start = body.get("top_logprobs_num", 0), body["logprob_start_len"]
        written = self.model.write(ids, body["sampling_params"]["max_new_tokens"])
        pairs = list(pairwise(ids))
        table = self.model.table
        meta: dict[str, Any] = {"id": "0", "prompt_tokens": len(ids), "finish_reason": {"type": "length"}}
        if start == 0 and fault != "no logprobs":
            own = [
                [self.number(table[pair], fault), pair[1] + (fault == "other ids"), None] for pair in pairs
            ]
            meta["input_token_logprobs"] = [[None, ids[0], None], *own]
            likely = k - (fault == "fewer likely")
            meta["input_top_logprobs"] = [
                None,
                *([[self.number(table[one, two], fault), two, None] for two in self.model.top(one, likely)]
                  for one, _ in pairs),
            ]  # fmt: skip
            if fault == "fewer positions":
                meta["input_token_logprobs"].pop()
        before = [ids[-1], *written]
        meta["output_token_logprobs"] = [
            [float(table[pair]), pair[1], None] for pair in zip(before, written, strict=False)
        ]
        return 200, {"text": "", "output_ids": written, "meta_info": meta}


Serve = Callable[..., ModelServer]
"""Starts a server with these attributes."""


@contextmanager
def serving_model(server: ModelServer) -> Iterator[ModelServer]:
    """Run a server while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # An answer is written in parts, and each would wait 40 ms for the one before to be acknowledged.
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.reply(server.get(self.path))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.reply(server.post(self.path, body))

        def reply(self, answer: tuple[int, Any] | Fault) -> None:
            server.logins.append(self.headers.get("Authorization", ""))
            if server.key and server.logins[-1] != f"Bearer {server.key}":
                answer = (401, {"error": "Unauthorized"})
            if answer == "closes":
                self.close_connection = True
                return
            status, content = answer if isinstance(answer, tuple) else (200, None)
            data = b"<html>no" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            if status == 302:
                self.send_header("Location", content)
            self.end_headers()
            self.wfile.write(data)

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    with Quiet(("127.0.0.1", 0), Handler) as running:
        server.address = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            running.shutdown()
            thread.join()
