"""A measurement is exact, and whatever stops it, nothing is lost or there twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibset.core.errors import OutputError, RecipeError, TokenizerError
from calibset.evaluation.data import DataSet, open_data
from calibset.evaluation.figures.perplexity import perplexity
from calibset.evaluation.measurement import Measurement
from calibset.evaluation.measuring import Evaluation, prepare
from calibset.evaluation.plan import Generation, Plan, Questions, make_plan
from calibset.evaluation.scorers.opening import open_scorer
from calibset.evaluation.scorers.server import ServerError
from calibset.evaluation.spelling import load_measured_tokenizer
from calibset.evaluation.tokenizer_check import find_tokenizer
from calibset.tokenizers import Tokenizer, load_tokenizer
from tests.chatml import write_chatml
from tests.evaluation.model_server import Bigram, ModelServer, Serve
from tests.letters import write_letters

QUESTIONS = Questions(ctx=32, generate=(Generation(16, 4),), prompts=3)


@pytest.fixture
def letters(tmp_path: Path) -> Tokenizer:
    (tmp_path / "model").mkdir()
    return load_tokenizer(str(write_letters(tmp_path / "model")))


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    (tmp_path / "a.txt").write_text("Once upon a time there was more. " * 30)
    return open_data(str(tmp_path / "a.txt"))


@pytest.fixture
def plan(data: DataSet, letters: Tokenizer) -> Plan:
    return make_plan(data, letters, QUESTIONS)


def begin(
    server: ModelServer, data: DataSet, letters: Tokenizer, plan: Plan, out: Path, k: int = 3
) -> Evaluation:
    scorer = open_scorer(server.address, workers=4)
    evaluation = prepare(
        scorer, plan, data=data, tokenizer=letters, questions=QUESTIONS, target=server.address, k=k
    )
    return evaluation.beside(out)


def quiet(source: str, done: int, asked: int | None) -> None:
    pass


def check_exact(measurement: Measurement, model: Bigram, plan: Plan) -> None:
    """Make sure that each window is there once, with the model's own numbers."""
    assert [window.index for window in measurement.windows] == list(range(len(plan.items)))
    for window, scores in zip(measurement.windows, measurement.scores, strict=True):
        assert np.allclose(scores.logprobs, model.logprobs(window), atol=1e-6)
    texts = [window for window in measurement.windows if window.task == "text"]
    written = [window for window in measurement.windows if window.task != "text"]
    assert [len(texts), len(written)] == [30, 3]
    for window in written:
        assert window.targets.tolist() == model.write(window.ids[:16].tolist(), 4)


def test_a_measurement_is_exact(
    serve: Serve, data: DataSet, letters: Tokenizer, plan: Plan, tmp_path: Path
) -> None:
    server = serve()
    told: list[tuple[str, int, int | None]] = []
    evaluation = begin(server, data, letters, plan, tmp_path / "base.parquet")
    measurement = evaluation.run(lambda *progress: told.append(progress))
    check_exact(measurement, server.model, plan)
    assert [done for _, done, _ in told] == list(range(34))
    assert {(source, asked) for source, _, asked in told} == {("/models/base", 33)}
    texts = [window for window in measurement.windows if window.task == "text"]
    exact = np.concatenate([server.model.logprobs(window) for window in texts])
    measured = np.concatenate([one.logprobs for one in measurement.scores[: len(texts)]]).astype(np.float64)
    assert perplexity(measured).value == pytest.approx(np.exp(-exact.mean()), rel=1e-6)


def test_a_measurement_says_what_was_measured(
    serve: Serve, data: DataSet, letters: Tokenizer, plan: Plan, tmp_path: Path
) -> None:
    server = serve(tokenizer=letters)
    about = begin(server, data, letters, plan, tmp_path / "base.parquet").about
    assert (about.engine, about.model, about.target) == ("vllm", "/models/base", server.address)
    assert (about.data, about.data_sha256, about.joined) == ("a.txt", data.sha256, data.joined)
    assert (about.tokenizer_sha256, about.ctx, about.score, about.k) == (
        letters.fingerprint,
        32,
        "second-half",
        3,
    )
    assert (about.generate, about.dropped) == (("16:4",), plan.dropped)
    assert about.tokenizer_check == "the same ids of a part of the data as the model's"


def test_what_a_server_that_dies_had_measured_is_kept(
    serve: Serve, data: DataSet, letters: Tokenizer, plan: Plan, tmp_path: Path, pauses: list[float]
) -> None:
    server = serve(dies_after=12)
    out = tmp_path / "base.parquet"
    first = begin(server, data, letters, plan, out)
    with pytest.raises(ServerError, match=r": closes the connection, again and again$"):
        first.run(quiet)
    assert 8 <= len(first.parts.done) <= 12
    asked = {tuple(ids) for ids in server.prompts}
    server.dies_after = None
    server.prompts.clear()
    again = begin(server, data, letters, plan, out)
    assert again.parts.done.keys() == first.parts.done.keys()
    check_exact(again.run(quiet), server.model, plan)
    kept = {tuple(one.window.ids.tolist()) for one in first.parts.done.values()}
    assert kept <= asked
    assert kept.isdisjoint(tuple(ids) for ids in server.prompts)
    again.parts.remove()
    assert list(tmp_path.glob("base.parquet*")) == []


def test_an_interrupt_keeps_what_was_measured(
    serve: Serve, data: DataSet, letters: Tokenizer, plan: Plan, tmp_path: Path
) -> None:
    server = serve()
    out = tmp_path / "base.parquet"

    def interrupt(source: str, done: int, asked: int | None) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin(server, data, letters, plan, out).run(interrupt)
    again = begin(server, data, letters, plan, out)
    assert len(again.parts.done) == 7
    check_exact(again.run(quiet), server.model, plan)


def test_parts_of_another_measurement_are_refused(
    serve: Serve, data: DataSet, letters: Tokenizer, plan: Plan, tmp_path: Path, pauses: list[float]
) -> None:
    out = tmp_path / "base.parquet"
    server = serve(dies_after=12)
    with pytest.raises(ServerError):
        begin(server, data, letters, plan, out).run(quiet)
    folder = tmp_path / "base.parquet.parts"
    message = (
        f"{folder}: holds an unfinished measurement of another model, of other data or with other options; "
        f"give those to finish it, remove {folder} to measure anew, or give another --out"
    )
    for other, k in ((serve(name="w4"), 3), (server, 5)):
        with pytest.raises(OutputError) as raised:
            begin(other, data, letters, plan, out, k)
        assert str(raised.value) == message
    next(folder.iterdir()).write_bytes(b"PAR1")
    with pytest.raises(
        OutputError, match=r"\.parquet: can't be read \(.*\); remove .*\.parts to measure anew, "
    ):
        begin(server, data, letters, plan, out)


def test_a_window_that_the_model_cant_take_is_refused_before_anything_is_asked(
    serve: Serve, data: DataSet, letters: Tokenizer, plan: Plan, tmp_path: Path
) -> None:
    server = serve(max_model_len=31)
    with pytest.raises(RecipeError) as raised:
        begin(server, data, letters, plan, tmp_path / "base.parquet")
    assert str(raised.value) == (
        "/models/base takes 31 tokens, and a window has 32: measure with a smaller --ctx, or start the "
        "server with a larger --max-model-len"
    )
    assert server.prompts == []


# --- tokenizers ----------------------------------------------------------------------------------


def test_a_model_of_another_tokenizer_is_refused(
    serve: Serve, data: DataSet, letters: Tokenizer, plan: Plan, tmp_path: Path, tekken: Tokenizer
) -> None:
    server = serve(tokenizer=tekken)
    with pytest.raises(TokenizerError) as raised:
        begin(server, data, letters, plan, tmp_path / "base.parquet")
    assert str(raised.value) == (
        f"{letters.name}: is not the tokenizer of /models/base, which makes other ids of the data; give the "
        "model's own with --tokenizer"
    )


def test_a_server_that_tokenizes_nothing_is_not_checked(
    serve: Serve, data: DataSet, letters: Tokenizer, plan: Plan, tmp_path: Path
) -> None:
    about = begin(serve(engine="sglang"), data, letters, plan, tmp_path / "base.parquet").about
    assert about.tokenizer_check == "not checked: the model's own can't be asked"


def test_the_tokenizer_is_that_of_the_file_or_the_folder(
    data: DataSet, letters: Tokenizer, chat_file: Path, tmp_path: Path
) -> None:
    assert find_tokenizer(data, None, str(tmp_path / "model")).fingerprint == letters.fingerprint
    found = find_tokenizer(open_data(str(chat_file)), None, None)
    # The name is recorded, and leads to the tokenizer from any folder.
    assert found.name == str(chat_file.parent / "model")
    assert load_measured_tokenizer(found.name, found.fingerprint, None).fingerprint == found.fingerprint
    with pytest.raises(
        TokenizerError, match=r"^--data a\.txt: which tokenizer the server's model has isn't known "
    ):
        find_tokenizer(data, None, None)


def test_a_tokenizer_that_changed_is_refused(chat_file: Path, tmp_path: Path) -> None:
    for name in ("chat.calibration.jsonl", "chat.calibration.manifest.json"):
        (tmp_path / name).write_bytes((chat_file.parent / name).read_bytes())
    data = open_data(str(tmp_path / "chat.calibration.jsonl"))
    with pytest.raises(
        TokenizerError, match=r"; the manifest of chat\.calibration\.jsonl names this tokenizer, "
    ):
        find_tokenizer(data, None, None)
    (tmp_path / "model").mkdir()
    write_chatml(tmp_path / "model", bos=True)
    with pytest.raises(
        TokenizerError, match=r"^--data chat\.calibration\.jsonl: model is not what it was when "
    ):
        find_tokenizer(data, None, None)
