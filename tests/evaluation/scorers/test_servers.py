"""Both servers' protocols: what is measured is exact, and what is wrong is told."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from calibset.core.errors import RecipeError
from calibset.evaluation.scorers.base import Scorer
from calibset.evaluation.scorers.opening import open_scorer
from calibset.evaluation.scorers.server import ServerError
from calibset.evaluation.windows import Window, cut_windows
from tests.evaluation.model_server import Bigram, Fault, Serve

Engine = Literal["vllm", "sglang"]
both = pytest.mark.parametrize("engine", ["vllm", "sglang"])


def windows(count: int = 1, ctx: int = 16, seed: int = 1) -> list[Window]:
    ids = np.random.default_rng(seed).integers(3, 300, size=count * ctx)
    return list(cut_windows(ids, ctx, 1))


@both
@pytest.mark.parametrize("k", [0, 1, 20])
def test_log_probabilities_are_the_models(serve: Serve, engine: Engine, k: int) -> None:
    server = serve(engine=engine)
    (window,) = windows()
    (scores,) = open_scorer(server.address).score([window], k)
    assert server.prompts == [window.ids.tolist()]
    assert np.allclose(scores.logprobs, server.model.logprobs(window), atol=1e-6)
    before = window.ids[window.scored - 1]
    assert scores.top_ids.tolist() == [server.model.top(int(one), k) for one in before]
    assert np.allclose(scores.top_logprobs, np.take_along_axis(server.model.table[before], scores.top_ids, 1))
    assert [array.dtype for array in (scores.logprobs, scores.top_ids, scores.top_logprobs)] == [
        np.float32, np.int32, np.float32,
    ]  # fmt: skip


def test_vllm_is_found_out(serve: Serve) -> None:
    server = serve(max_model_len=512)
    scorer = open_scorer(f"{server.address}/v1/")
    info = scorer.describe()
    assert (info.engine, info.model, info.versions, info.context) == (
        "vllm", "/models/base", {"vllm": "0.32.0"}, 512,
    )  # fmt: skip
    assert scorer.workers == 8


def test_sglang_is_found_out(serve: Serve) -> None:
    scorer = open_scorer(serve(engine="sglang").address, workers=3)
    info = scorer.describe()
    assert (info.engine, info.model, info.versions, info.dtype, info.context) == (
        "sglang", "base", {"sglang": "0.5.6"}, "bfloat16", 4096,
    )  # fmt: skip
    assert scorer.workers == 3


def test_another_server_is_refused(serve: Serve) -> None:
    server = serve(engine="other")
    with pytest.raises(ServerError) as raised:
        open_scorer(server.address)
    assert str(raised.value) == (
        f"{server.address}: is neither vLLM nor SGLang (its models are owned by other); other servers give "
        "no prompt logprobs"
    )


def test_where_nothing_answers(serve: Serve, pauses: list[float]) -> None:
    with pytest.raises(ServerError, match=r": nothing answers there; is the server running\?$"):
        open_scorer("http://127.0.0.1:9")
    assert pauses == []


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        ("http://me:secret@localhost:8000",
         "the address of localhost holds a login; give the server's key in CALIBSET_API_KEY"),
        ("http://", "http://: must be the address of a server, such as http://localhost:8000"),
        ("http://localhost:99999",
         "http://localhost:99999: must be the address of a server, such as http://localhost:8000"),
        ("http://localhost:80/?key=1",
         "http://localhost:80/?key=1: must be the address of a server, such as http://localhost:8000"),
        ("nowhere", "nowhere: is neither the address of a server nor a folder with a config.json"),
    ],
)  # fmt: skip
def test_what_is_no_target(target: str, fault: str) -> None:
    with pytest.raises(RecipeError) as raised:
        open_scorer(target)
    assert str(raised.value) == fault


def test_options_of_the_other_kind_of_target() -> None:
    with pytest.raises(
        RecipeError, match=r"^--model and --concurrency are for a server; the target is a folder$"
    ):
        open_scorer(".", model="base")
    with pytest.raises(RecipeError, match=r"^--dtype, --device and --batch are for a model's folder; "):
        open_scorer("http://localhost:1", batch=2)


# --- several models ---------------------------------------------------------------------------


def test_adapters_must_be_named(serve: Serve) -> None:
    server = serve(adapters=("tuned",))
    assert open_scorer(server.address).describe().model == "/models/base"
    scorer = open_scorer(server.address, model="tuned")
    scorer.score(windows(), 1)
    assert server.bodies[0]["model"] == "tuned"


@both
def test_a_model_that_is_not_served(serve: Serve, engine: Engine) -> None:
    server = serve(engine=engine)
    with pytest.raises(RecipeError) as raised:
        open_scorer(server.address, model="w4")
    assert str(raised.value) == f"{server.address}: serves no model 'w4'; it serves base"


# --- keys ----------------------------------------------------------------------------------------


def test_a_key_comes_from_the_environment(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(key="s3cret")
    with pytest.raises(ServerError, match=r": wants a key; set CALIBSET_API_KEY$"):
        open_scorer(server.address)
    monkeypatch.setenv("CALIBSET_API_KEY", "wrong")
    with pytest.raises(ServerError, match=r": does not accept the key in CALIBSET_API_KEY$") as raised:
        open_scorer(server.address)
    assert "wrong" not in str(raised.value)
    monkeypatch.setenv("CALIBSET_API_KEY", "s3cret")
    scorer = open_scorer(server.address)
    scorer.score(windows(), 1)
    assert "s3cret" not in repr(scorer)


def test_a_key_does_not_follow_a_redirect(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    other = serve()
    server = serve()
    server.get = lambda path: (302, f"{other.address}{path}")  # type: ignore[method-assign]
    monkeypatch.setenv("CALIBSET_API_KEY", "s3cret")
    with pytest.raises(ServerError, match=r": sends requests on to another address; give that one$"):
        open_scorer(server.address)
    assert other.logins == []


def test_a_key_that_a_server_repeats_is_not_shown(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve()
    server.get = lambda path: (400, {"error": "bad Bearer s3cret"})  # type: ignore[method-assign]
    monkeypatch.setenv("CALIBSET_API_KEY", "s3cret")
    with pytest.raises(ServerError, match=r": answers 400: bad Bearer …$"):
        open_scorer(server.address)
    # Also where the message is cut off inside the key.
    server.get = lambda path: (400, {"error": "x" * 297 + "s3cret"})  # type: ignore[method-assign]
    with pytest.raises(ServerError, match=r": answers 400: x{297}…$"):
        open_scorer(server.address)


# --- answers that are none -----------------------------------------------------------------------

FAULTS: list[tuple[Engine, Fault, str]] = [
    ("vllm", "other ids", "an answer is about other token ids than were sent (at position 9) (window 0)"),
    ("vllm", "other prompt", "an answer is about other token ids than were sent (at position 1)"),
    ("vllm", "fewer positions", "an answer has log probabilities of 15 tokens, and 16 were sent (window 0)"),
    ("vllm", "fewer likely",
     "an answer has 2 of the 5 likeliest tokens that were asked for (window 0)"),
    ("vllm", "nan", "an answer has a logprob that is nan (window 0)"),
    ("vllm", "infinite",
     "an answer has a logprob that is -9999, which stands for a probability of 0 (window 0)"),
    ("vllm", "above 0", "an answer has a logprob that is 0.5, which is above 0 (window 0)"),
    ("vllm", "no numbers", "an answer has a log probability that is no number (window 0)"),
    ("vllm", "another model", "an answer comes from the model 'someone-else', and 'base' was asked"),
    ("vllm", "no logprobs", "an answer holds no prompt_logprobs (window 0)"),
    ("vllm", "no json", "answers no JSON: '<html>no'"),
    ("vllm", "400", "answers 400: something is wrong inside"),
    ("sglang", "other ids", "an answer is about other token ids than were sent (at position 1) (window 0)"),
    ("sglang", "other prompt",
     "an answer is about other token ids than were sent (at position 1) (window 0)"),
    ("sglang", "fewer positions",
     "an answer has log probabilities of 15 tokens, and 16 were sent (window 0)"),
    ("sglang", "fewer likely",
     "an answer has 4 of the 5 likeliest tokens that were asked for (window 0)"),
    ("sglang", "nan", "an answer has a logprob that is nan (window 0)"),
    ("sglang", "infinite",
     "an answer has a logprob that is -9999, which stands for a probability of 0 (window 0)"),
    ("sglang", "above 0", "an answer has a logprob that is 0.5, which is above 0 (window 0)"),
    ("sglang", "no numbers", "an answer has a log probability that is no number (window 0)"),
    ("sglang", "no logprobs", "an answer holds no input_token_logprobs (window 0)"),
    ("sglang", "no json", "answers no JSON: '<html>no'"),
    ("sglang", "400", "answers 400: something is wrong inside"),
]  # fmt: skip


@pytest.mark.parametrize(("engine", "fault", "message"), FAULTS)
def test_a_wrong_answer_says_how(
    serve: Serve, engine: Engine, fault: Fault, message: str, pauses: list[float]
) -> None:
    server = serve(engine=engine, broken=fault)
    scorer = open_scorer(server.address)
    with pytest.raises(ServerError) as raised:
        scorer.score(windows(), 5)
    assert str(raised.value) == f"{server.address}: {message}"
    assert pauses == []


@both
def test_what_passes_is_tried_again(serve: Serve, engine: Engine, pauses: list[float]) -> None:
    server = serve(engine=engine, faults=["503", "closes", "500"])
    (window,) = windows()
    (scores,) = open_scorer(server.address).score([window], 5)
    assert np.allclose(scores.logprobs, server.model.logprobs(window), atol=1e-6)
    assert (len(server.prompts), len(pauses)) == (4, 3)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("500", "answers 500: something is wrong inside"),
        ("closes", "closes the connection, again and again"),
    ],
)
def test_what_does_not_pass_is_told(serve: Serve, fault: Fault, message: str, pauses: list[float]) -> None:
    server = serve(broken=fault)
    scorer = open_scorer(server.address)
    with pytest.raises(ServerError) as raised:
        scorer.score(windows(), 5)
    assert str(raised.value) == f"{server.address}: {message}"
    assert len(pauses) == 7


def test_more_likely_tokens_than_the_server_gives(serve: Serve) -> None:
    server = serve(max_logprobs=20)
    scorer = open_scorer(server.address)
    with pytest.raises(ServerError) as raised:
        scorer.score(windows(), 50)
    assert str(raised.value) == (
        f"{server.address}: gives the 20 likeliest tokens at most, and 50 are asked for; start the server "
        "with --max-logprobs 50, or measure with --top-k 20"
    )


def test_a_window_that_is_too_long(serve: Serve) -> None:
    server = serve(max_model_len=16)
    scorer = open_scorer(server.address)
    with pytest.raises(ServerError) as raised:
        scorer.score(windows(), 5)
    assert str(raised.value) == (
        f"{server.address}: its model takes fewer than the 17 tokens of a window and what is generated; "
        "start the server with a larger --max-model-len, or measure with a smaller --ctx"
    )


def test_sglang_that_serves_another_model_at_the_end(serve: Serve) -> None:
    server = serve(engine="sglang")
    scorer = open_scorer(server.address)
    scorer.close()
    server.name = "w4"
    with pytest.raises(ServerError, match=r": serves w4 now, and served base at first$"):
        scorer.close()


# --- continuations -------------------------------------------------------------------------------


def continued(scorer: Scorer, length: int) -> list[int]:
    written = scorer.continue_greedily(np.array([1, 40, 41], dtype=np.int32), length)
    assert written.dtype == np.int32
    return written.tolist()


@both
def test_the_likeliest_token_is_written_each_time(serve: Serve, engine: Engine) -> None:
    server = serve(engine=engine)
    assert continued(open_scorer(server.address), 7) == server.model.write([1, 40, 41], 7)


@both
def test_a_model_may_end_its_turn(serve: Serve, engine: Engine) -> None:
    end = Bigram().write([41], 3)[-1]
    server = serve(engine=engine, model=Bigram(end=end))
    assert continued(open_scorer(server.address), 7) == Bigram().write([41], 3)


def test_an_older_vllm_spells_ids(serve: Serve) -> None:
    server = serve(gives_ids=False)
    assert continued(open_scorer(server.address), 7) == server.model.write([1, 40, 41], 7)


def test_what_a_models_files_set_does_not_change_what_is_written(serve: Serve) -> None:
    server = serve()
    continued(open_scorer(server.address), 2)
    greedy = {"temperature": 0, "top_p": 1, "top_k": 0, "min_p": 0, "repetition_penalty": 1}
    assert {key: server.bodies[0][key] for key in greedy} == greedy
