"""vLLM's OpenAI server: token ids in, log probabilities of the prompt out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibset.core.errors import RecipeError
from calibset.evaluation.measurement import WindowScores
from calibset.evaluation.scorers.answers import (
    AnswerError,
    Likely,
    as_ids,
    as_logprob,
    check_ids,
    make_scores,
)
from calibset.evaluation.scorers.base import ScorerInfo
from calibset.evaluation.scorers.server import Answer, Server, ServerError
from calibset.evaluation.windows import Ids, Window

_TOO_MANY = re.compile(r"greater than max(?:imum)? allowed:? (\d+)")
_TOO_LONG = re.compile(r"maximum (?:context|model) length", re.IGNORECASE)
# What the model's generation_config.json may set is set back, so that greedy is greedy.
_GREEDY: Mapping[str, Any] = {
    "temperature": 0, "top_p": 1, "top_k": 0, "min_p": 0, "repetition_penalty": 1,
    "presence_penalty": 0, "frequency_penalty": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class VllmScorer:
    """A model that vLLM serves.

    Attributes:
        server: The server.
        model: The name under which it serves the model.
        info: What computes the log probabilities.
        workers: How many requests run at once.
        batch: How many windows a request holds.
    """

    server: Server
    model: str
    info: ScorerInfo
    workers: int
    batch: int = 1

    @classmethod
    def open(
        cls, server: Server, models: Sequence[Mapping[str, Any]], model: str | None, workers: int
    ) -> VllmScorer:
        """Return a scorer for one of the models that a server lists.

        Raises:
            RecipeError: It serves no such model, or several and none is named.
        """
        chosen = choose_model(server, models, model)
        version = server.find("/version")
        versions = (
            {"vllm": str(version["version"])} if isinstance(version, Mapping) and "version" in version else {}
        )
        length = chosen.get("max_model_len")
        name = str(chosen["id"])
        info = ScorerInfo(
            engine="vllm",
            model=str(chosen.get("root") or name),
            versions=versions,
            context=length if isinstance(length, int) else None,
        )
        return cls(server=server, model=name, info=info, workers=workers)

    def describe(self) -> ScorerInfo:
        """Return what computes the log probabilities."""
        return self.info

    def close(self) -> None:
        """Do nothing: the server goes on."""

    def score(self, windows: Sequence[Window], k: int) -> list[WindowScores]:
        """Return the scores of windows, each of which is a request."""
        return [self._score(window, k) for window in windows]

    def _score(self, window: Window, k: int) -> WindowScores:
        # One token has to be generated; it is not looked at.
        choice = self._complete(window.ids, 1, k, prompt_logprobs=k)
        try:
            return read_prompt_logprobs(window, choice.get("prompt_logprobs"), k)
        except AnswerError as fault:
            raise self._wrong(f"{fault} (window {window.index})") from fault

    def continue_greedily(self, prompt: Ids, length: int) -> Ids:
        """Return the tokens that the model writes after a prompt, the likeliest each time."""
        # Servers before 0.10.2 return no ids, but spell tokens as ids among log probabilities.
        choice = self._complete(prompt, length, 0, logprobs=0, return_tokens_as_token_ids=True)
        try:
            ids = _read_written(choice)
        except AnswerError as fault:
            raise self._wrong(str(fault)) from fault
        return np.array(ids[:length], dtype=np.int32)

    def encode(self, text: str) -> list[int] | None:
        """Return the ids that the server's tokenizer makes of a text; None if it can't be asked."""
        return self.server.encode(text, self.model)

    def _complete(self, ids: Ids, length: int, k: int, **wanted: Any) -> Mapping[str, Any]:
        body = {
            "model": self.model, "prompt": ids.tolist(), "max_tokens": length, "return_token_ids": True,
            **_GREEDY, **wanted,
        }  # fmt: skip
        answer = self.server.post("/v1/completions", body)
        if answer.status != 200 or not isinstance(answer.data, Mapping):
            raise self._explain(answer, k, len(ids) + length)
        model, choices = answer.data.get("model"), answer.data.get("choices")
        if model != self.model:
            raise self._wrong(f"comes from the model {str(model)!r}, and {self.model!r} was asked")
        if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], Mapping):
            raise self._wrong("has not one choice")
        choice: Mapping[str, Any] = choices[0]
        if choice.get("prompt_token_ids") is not None:
            try:
                check_ids(ids, as_ids(choice["prompt_token_ids"]))
            except AnswerError as fault:
                raise self._wrong(str(fault)) from fault
        return choice

    def _explain(self, answer: Answer, k: int, length: int) -> ServerError:
        said = answer.explain()
        if limit := _TOO_MANY.search(said):
            return ServerError(
                f"{self.server.url}: gives the {limit[1]} likeliest tokens at most, and {k} are asked for; "
                f"start the server with --max-logprobs {k}, or measure with --top-k {limit[1]}"
            )
        if answer.status == 400 and _TOO_LONG.search(said):
            return ServerError(
                f"{self.server.url}: its model takes fewer than the {length} tokens of a window and what is "
                "generated; start the server with a larger --max-model-len, or measure with a smaller --ctx"
            )
        return self.server.refuse(answer)

    def _wrong(self, how: str) -> ServerError:
        return ServerError(f"{self.server.url}: an answer {how}")


def choose_model(server: Server, models: Sequence[Mapping[str, Any]], name: str | None) -> Mapping[str, Any]:
    """Return the named one of the models that a server lists, or the only one; adapters must be named."""
    names = [str(model.get("id")) for model in models]
    if name is not None:
        if name in names:
            return models[names.index(name)]
        raise RecipeError(f"{server.url}: serves no model {name!r}; it serves {', '.join(names)}")
    bases = [model for model in models if not model.get("parent")]
    if len(bases) != 1:
        raise RecipeError(f"{server.url}: serves {', '.join(names)}; choose one with --model")
    return bases[0]


def read_prompt_logprobs(window: Window, value: Any, k: int) -> WindowScores:
    """Return the scores in vLLM's ``prompt_logprobs``: at each position tokens, with logprob and rank.

    The token that stands there is always among them, whether or not it is one of the likeliest.

    Raises:
        AnswerError: They are not those of the window.
    """
    if not isinstance(value, list):
        raise AnswerError("holds no prompt_logprobs")
    if len(value) != len(window.ids):
        raise AnswerError(f"has log probabilities of {len(value)} tokens, and {len(window.ids)} were sent")
    own, top = [], []
    for position, token in zip(window.scored.tolist(), window.targets.tolist(), strict=True):
        entries = value[position]
        if not isinstance(entries, Mapping):
            raise AnswerError(f"has no log probability at position {position}")
        likely = [_read_entry(key, entry) for key, entry in entries.items()]
        found = [one.logprob for _, one in likely if one.token == token]
        if not found:
            raise AnswerError(f"is about other token ids than were sent (at position {position})")
        own.append(found[0])
        # A token that stands there and is not among the likeliest has a rank behind them.
        likely.sort(key=lambda pair: (pair[0], -pair[1].logprob))
        top.append([one for _, one in likely])
    return make_scores(own, top, k)


def _read_entry(key: Any, entry: Any) -> tuple[int, Likely]:
    if not isinstance(entry, Mapping) or not str(key).isdecimal() or len(str(key)) > 9:
        raise AnswerError("has log probabilities in another form")
    rank = entry.get("rank")
    # NaN can't be sorted, but is found later whatever its place.
    return rank if type(rank) is int else 0, Likely(int(key), as_logprob(entry.get("logprob")))


def _read_written(choice: Mapping[str, Any]) -> list[int]:
    if choice.get("token_ids") is not None:
        return as_ids(choice["token_ids"])
    logprobs = choice.get("logprobs")
    tokens = logprobs.get("tokens") if isinstance(logprobs, Mapping) else None
    if not isinstance(tokens, list):
        raise AnswerError("holds no token ids of what was written")
    prefix = "token_id:"
    spelled = [str(token) for token in tokens]
    if not all(one.startswith(prefix) and one.removeprefix(prefix).isdecimal() for one in spelled):
        raise AnswerError("spells tokens, and does not give their ids; a newer vLLM does")
    return [int(one.removeprefix(prefix)) for one in spelled]
