"""Models in folders are compared over the whole vocabulary, as the definitions say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from calibset.core.errors import CalibsetError  # noqa: E402  (after what may be absent)
from calibset.evaluation.comparing import Compared, Named, compare_measurements  # noqa: E402
from calibset.evaluation.data import open_data  # noqa: E402
from calibset.evaluation.figures.divergence import full_divergence, log_softmax  # noqa: E402
from calibset.evaluation.local_pass import compare_folders  # noqa: E402
from calibset.evaluation.measuring import prepare  # noqa: E402
from calibset.evaluation.plan import Generation, Plan, Questions, make_plan  # noqa: E402
from calibset.evaluation.scorers.local import LocalScorer  # noqa: E402
from calibset.tokenizers import load_tokenizer  # noqa: E402
from tests.heavy.evaluation.tiny_model import write_model  # noqa: E402

_QUESTIONS = Questions(ctx=32, generate=(Generation(8, 6),), prompts=3)
_DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models, and a text."""
    folder = tmp_path_factory.mktemp("models")
    write_model(folder / "base")
    write_model(folder / "near", noise=0.01)
    write_model(folder / "far", noise=0.03)
    sentences = (f"Poistenie číslo {number} trvá {number * 7} dní.\n\n" for number in range(40))
    (folder / "text.txt").write_text("".join(sentences), "utf-8")
    return folder


def _plan(folder: Path) -> Plan:
    return make_plan(open_data(str(folder / "text.txt")), _tokenizer(folder), _QUESTIONS)


def _tokenizer(folder: Path):
    return load_tokenizer(str(folder / "base"))


def _compare(folder: Path, names: Sequence[str], device: str = "cpu") -> Compared:
    return compare_folders(
        Named("base", folder / "base"),
        [Named(name, folder / name) for name in names],
        data=open_data(str(folder / "text.txt")),
        plan=_plan(folder),
        questions=_QUESTIONS,
        tokenizer=_tokenizer(folder),
        progress=lambda *_: None,
        dtype="float32",
        device=device,
        batch=4,
    )


@pytest.mark.parametrize("device", _DEVICES)
def test_figures_are_those_of_the_logits_in_double_precision(folder: Path, device: str) -> None:
    compared = _compare(folder, ["near", "far"], device)
    models = {
        name: LocalScorer.open(folder / name, dtype="float32", device="cpu")
        for name in ("base", "near", "far")
    }
    for label, pair in compared.pairs.items():
        expected, nll = [], []
        for window in compared.positions.windows:
            ours, theirs = (models[name].logits(window) for name in ("base", label))
            expected.append(full_divergence(ours, theirs))
            nll.append(-log_softmax(theirs)[np.arange(len(theirs)), window.targets])
        assert pair.divergence is not None
        assert pair.divergence.values == pytest.approx(np.concatenate(expected), rel=1e-3, abs=1e-5)
        figures = next(one for one in compared.comparison.others if one.model.label == label).domains[0]
        assert figures.perplexity.other == pytest.approx(np.exp(np.concatenate(nll).mean()), rel=1e-4)
        assert figures.kld is not None
        assert (figures.kld.bound, figures.kld.covered) == ("exact", 1)
        assert figures.kld.mean.value == pytest.approx(np.concatenate(expected).mean(), rel=1e-3)
    near, far = compared.comparison.others
    assert near.domains[0].kld.mean.value < far.domains[0].kld.mean.value


def test_a_model_does_not_diverge_from_itself(folder: Path) -> None:
    (figures,) = _compare(folder, ["base"]).comparison.others
    assert figures.domains[0].kld.p99.value == pytest.approx(0, abs=1e-6)
    assert figures.domains[0].perplexity.change.value == 0
    assert figures.domains[0].same_top.value == 1


def test_likely_tokens_alone_give_a_lower_bound_of_the_whole_vocabulary(folder: Path, tmp_path: Path) -> None:
    full = _compare(folder, ["far"])
    data, tokenizer = open_data(str(folder / "text.txt")), _tokenizer(folder)
    paths = []
    for name in ("base", "far"):
        scorer = LocalScorer.open(folder / name, dtype="float32", device="cpu")
        out = tmp_path / f"{name}.parquet"
        plan = make_plan(data, tokenizer, Questions(ctx=32))
        prepared = prepare(
            scorer,
            plan,
            data=data,
            tokenizer=tokenizer,
            questions=Questions(ctx=32),
            target=name,
            k=64,
        )
        prepared.run(lambda *_: None).write(out)
        paths.append(Named(name, out))
    top = compare_measurements(paths[0], paths[1:])
    bound, exact = top.pairs["far"].divergence, full.pairs["far"].divergence
    assert (bound.values <= exact.values + 1e-4).all()
    assert 0.1 < bound.values.mean() / exact.values.mean() < 1
    truncated, whole = (one.comparison.others[0].domains[0] for one in (top, full))
    assert truncated.perplexity.other == pytest.approx(whole.perplexity.other, rel=1e-4)
    assert truncated.same_top == whole.same_top
    assert truncated.rms_dp.value == pytest.approx(whole.rms_dp.value, rel=1e-3)


def test_what_the_base_writes_is_scored_by_the_others(folder: Path) -> None:
    compared = _compare(folder, ["far"])
    (figures,) = compared.comparison.others[0].generation
    assert (figures.task, figures.windows, figures.bound) == ("8:6", 3, "exact")
    assert figures.first.value > 0
    assert figures.steps[-1].last <= 6


def test_models_of_another_vocabulary_are_refused(folder: Path) -> None:
    if not (folder / "wide").exists():
        write_model(folder / "wide", vocabulary=300)
    with pytest.raises(
        CalibsetError, match="wide: knows 300 ids, and base 258; only models of one vocabulary"
    ):
        _compare(folder, ["wide"])


def test_a_broken_model_is_named_with_the_place(folder: Path) -> None:
    if not (folder / "broken").exists():
        write_model(folder / "broken", noise=float("nan"))
    with pytest.raises(CalibsetError, match=r"broken: .*window 0"):
        _compare(folder, ["broken"])


def test_windows_longer_than_the_context_are_refused(folder: Path) -> None:
    data, tokenizer = open_data(str(folder / "text.txt")), _tokenizer(folder)
    questions = Questions(ctx=128)
    with pytest.raises(
        CalibsetError, match="base takes 64 tokens, and a window has 128: measure with a smaller --ctx"
    ):
        compare_folders(
            Named("base", folder / "base"),
            [Named("near", folder / "near")],
            data=data,
            plan=make_plan(data, tokenizer, questions),
            questions=questions,
            tokenizer=tokenizer,
            progress=lambda *_: None,
            device="cpu",
        )
