"""SGLang's own endpoint: token ids in, log probabilities of the prompt out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibset.core.errors import RecipeError
from calibset.evaluation.measurement import WindowScores
from calibset.evaluation.scorers.answers import AnswerError, Likely, as_logprob, check_ids, make_scores
from calibset.evaluation.scorers.base import ScorerInfo
from calibset.evaluation.scorers.server import Server, ServerError
from calibset.evaluation.windows import Ids, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class SglangScorer:
    """A model that SGLang serves.

    Attributes:
        server: The server.
        info: What computes the log probabilities.
        workers: How many requests run at once.
        batch: How many windows a request holds.
    """

    server: Server
    info: ScorerInfo
    workers: int
    batch: int = 1

    @classmethod
    def open(cls, server: Server, about: Mapping[str, Any], model: str | None, workers: int) -> SglangScorer:
        """Return a scorer for the model that a server says it serves.

        Args:
            server: The server.
            about: What it says of its model, as ``/get_model_info`` has it.
            model: The name that the model must have, if any.
            workers: How many requests run at once.

        Raises:
            RecipeError: It serves another model.
        """
        details = _find_first(server, "/get_server_info", "/server_info") or {}
        name = str(about["model_path"])
        if model is not None and model not in (name, details.get("served_model_name")):
            raise RecipeError(f"{server.url}: serves no model {model!r}; it serves {name}")
        length = details.get("context_length")
        info = ScorerInfo(
            engine="sglang",
            model=name,
            versions={"sglang": str(details["version"])} if details.get("version") else {},
            dtype=str(details["dtype"]) if details.get("dtype") not in (None, "auto") else None,
            context=length if isinstance(length, int) else None,
        )
        return cls(server=server, info=info, workers=workers)

    def describe(self) -> ScorerInfo:
        """Return what computes the log probabilities."""
        return self.info

    def close(self) -> None:
        """Make sure that the server still serves the same model, which its answers don't name.

        Raises:
            ServerError: It serves another one.
        """
        now = (find_model_info(self.server) or {}).get("model_path")
        if now != self.info.model:
            raise ServerError(f"{self.server.url}: serves {now} now, and served {self.info.model} at first")

    def score(self, windows: Sequence[Window], k: int) -> list[WindowScores]:
        """Return the scores of windows, each of which is a request."""
        return [self._score(window, k) for window in windows]

    def _score(self, window: Window, k: int) -> WindowScores:
        # One token has to be generated; it is not looked at.
        meta = self._generate(window.ids, 1, logprob_start_len=0, top_logprobs_num=k)
        try:
            return read_input_logprobs(window, meta, k)
        except AnswerError as fault:
            raise self._wrong(f"{fault} (window {window.index})") from fault

    def continue_greedily(self, prompt: Ids, length: int) -> Ids:
        """Return the tokens that the model writes after a prompt, the likeliest each time."""
        meta = self._generate(prompt, length, logprob_start_len=-1)
        try:
            ids = [one.token for one in _read_entries(meta.get("output_token_logprobs"))]
        except AnswerError as fault:
            raise self._wrong(str(fault)) from fault
        return np.array(ids[:length], dtype=np.int32)

    def encode(self, text: str) -> list[int] | None:
        """Return the ids that the server's tokenizer makes of a text; None if it can't be asked."""
        return self.server.encode(text, self.info.model)

    def _generate(self, ids: Ids, length: int, **wanted: int) -> Mapping[str, Any]:
        # Temperature 0 is greedy, and what a model's generation_config.json sets is not read for it.
        body = {
            "input_ids": ids.tolist(), "return_logprob": True, "return_text_in_logprobs": False,
            "stream": False,
            "sampling_params": {
                "temperature": 0, "max_new_tokens": length, "repetition_penalty": 1,
                "presence_penalty": 0, "frequency_penalty": 0,
            },
            **wanted,
        }  # fmt: skip
        answer = self.server.post("/generate", body)
        meta = answer.data.get("meta_info") if isinstance(answer.data, Mapping) else None
        if answer.status != 200 or not isinstance(meta, Mapping):
            raise self.server.refuse(answer)
        return meta

    def _wrong(self, how: str) -> ServerError:
        return ServerError(f"{self.server.url}: an answer {how}")


def find_model_info(server: Server) -> Mapping[str, Any] | None:
    """Return what an SGLang server says of its model; None if the server is none."""
    about = _find_first(server, "/get_model_info", "/model_info")
    return about if about is not None and isinstance(about.get("model_path"), str) else None


def _find_first(server: Server, *paths: str) -> Mapping[str, Any] | None:
    """Return the object at the first path that has one: newer servers have other names for them."""
    found = (server.find(path) for path in paths)
    return next((one for one in found if isinstance(one, Mapping)), None)


def read_input_logprobs(window: Window, meta: Mapping[str, Any], k: int) -> WindowScores:
    """Return the scores in SGLang's ``meta_info``: lists of log probability, id, and text or null.

    The first token has no log probability.

    Raises:
        AnswerError: They are not those of the window.
    """
    entries = meta.get("input_token_logprobs")
    if not isinstance(entries, list):
        raise AnswerError("holds no input_token_logprobs")
    if len(entries) != len(window.ids):
        raise AnswerError(f"has log probabilities of {len(entries)} tokens, and {len(window.ids)} were sent")
    check_ids(window.ids, [_read_id(entry) for entry in entries])
    positions = window.scored.tolist()
    own = [one.logprob for one in _read_entries([entries[position] for position in positions])]
    if k == 0:
        return make_scores(own, [[] for _ in own], 0)
    top = meta.get("input_top_logprobs")
    if not isinstance(top, list) or len(top) != len(window.ids):
        raise AnswerError("has not the likeliest tokens of each position")
    likely = [sorted(_read_entries(top[position]), key=lambda one: -one.logprob) for position in positions]
    return make_scores(own, likely, k)


def _read_id(entry: Any) -> int:
    if not isinstance(entry, list) or len(entry) < 2 or type(entry[1]) is not int:
        raise AnswerError("has log probabilities in another form")
    return entry[1]


def _read_entries(entries: Any) -> list[Likely]:
    if not isinstance(entries, list):
        raise AnswerError("has log probabilities in another form")
    return [Likely(_read_id(entry), as_logprob(entry[0])) for entry in entries]
