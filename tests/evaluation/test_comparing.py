"""Comparisons give the figures of the definitions, for each domain, and of the same windows alone."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from calibset.core.errors import RecipeError, TokenizerError
from calibset.evaluation.comparing import Named, compare_measurements, label_runs
from calibset.evaluation.comparison import CallFigures, Comparison
from calibset.evaluation.figures.divergence import LikelyTokens
from calibset.evaluation.measurement import Measurement
from calibset.evaluation.positions import pair_from_likely
from calibset.evaluation.windows import CALLS, OWN_CALLS, Window, second_half
from calibset.tokenizers import load_tokenizer
from tests.evaluation.measurements import INFO, random_scores, score_logits
from tests.letters import write_letters

_VOCABULARY, _K, _CTX = 12, 4, 8
_LOGITS = dict[int, np.ndarray]


def _windows(count: int = 24) -> list[Window]:
    random = np.random.default_rng(1)
    return [
        Window(
            index=index,
            ids=random.integers(0, _VOCABULARY, _CTX).astype(np.int32),
            scored=second_half(_CTX),
            source=f"{'bank' if index % 2 else 'tools'}-{index % 4}",
            group="bank" if index % 2 else "tools",
            document=f"d{index // 2}-{index % 2}",
        )
        for index in range(count)
    ]


def _logits(windows: list[Window], seed: int, noise: float = 0.0) -> list[np.ndarray]:
    random, other = np.random.default_rng(7), np.random.default_rng(seed)
    shape = (len(windows[0].scored), _VOCABULARY)
    return [random.normal(0, 2, shape) + other.normal(0, 1, shape) * noise for _ in windows]


def _write(
    path: Path, windows: list[Window], logits: list[np.ndarray], k: int = _K, **about: object
) -> Named:
    info = INFO.model_copy(update={"k": k, "model": path.stem, **about})
    Measurement(info, windows, score_logits(windows, logits, k)).write(path)
    return Named(path.stem, path)


def _pair(folder: Path, **about: object) -> tuple[Named, Named]:
    windows = _windows()
    return (
        _write(folder / "base.parquet", windows, _logits(windows, 0)),
        _write(folder / "w4.parquet", windows, _logits(windows, 1, 0.5), **about),
    )


def _exact(windows: list[Window], k: int, chosen: list[int]) -> dict[str, float]:
    """All figures by their definitions, position by position, in Python's floats."""
    nll: tuple[list[float], list[float]] = ([], [])
    kld, dp, same = [], [], []
    for index in chosen:
        rows = zip(_logits(windows, 0)[index].tolist(), _logits(windows, 1, 0.5)[index].tolist(), strict=True)
        for (one, two), target in zip(rows, windows[index].targets.tolist(), strict=True):
            shares = []
            for logits in (one, two):
                whole = math.fsum(map(math.exp, logits))
                shares.append([math.exp(value) / whole for value in logits])
            p, q = shares
            tops = [sorted(range(_VOCABULARY), key=lambda token: -row[token])[:k] for row in shares]
            shared = (set(tops[0]) & set(tops[1])) | {target}
            rest = [1 - math.fsum(row[token] for token in shared) for row in shares]
            value = math.fsum(p[token] * math.log(p[token] / q[token]) for token in shared)
            kld.append(value + rest[0] * math.log(rest[0] / rest[1]))
            nll[0].append(-math.log(p[target]))
            nll[1].append(-math.log(q[target]))
            dp.append(q[target] - p[target])
            same.append(tops[0][0] == tops[1][0])
    count = len(kld)
    ordered = sorted(kld)

    def percentile(share: float) -> float:
        at = share * (count - 1)
        low = int(at)
        high = min(low + 1, count - 1)
        return ordered[low] + (at - low) * (ordered[high] - ordered[low])

    ppl = [math.exp(math.fsum(values) / count) for values in nll]
    errors = [
        value
        * math.sqrt(
            (math.fsum(x * x for x in values) / count - (math.fsum(values) / count) ** 2) / (count - 1)
        )
        for value, values in zip(ppl, nll, strict=True)
    ]
    return {
        "base": ppl[0], "other": ppl[1], "base_error": errors[0], "other_error": errors[1],
        "change": ppl[1] / ppl[0] - 1, "mean": math.fsum(kld) / count,
        "median": percentile(0.5), "p95": percentile(0.95), "p99": percentile(0.99),
        "rms_dp": math.sqrt(math.fsum(value * value for value in dp) / count), "same_top": sum(same) / count,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("domain", "belongs"),
    [
        ("all", lambda _: True),
        ("bank", lambda index: index % 2 == 1),
        ("tools-2", lambda index: index % 4 == 2),
    ],
)
def test_figures_are_those_of_the_definitions(tmp_path, domain, belongs):
    base, other = _pair(tmp_path)
    comparison = compare_measurements(base, [other]).comparison
    windows = _windows()
    expected = _exact(windows, _K, [index for index in range(len(windows)) if belongs(index)])
    (found,) = [one for one in comparison.others[0].domains if one.name == domain]
    assert found.kld is not None
    assert found.same_top is not None
    measured = {
        "base": found.perplexity.base, "other": found.perplexity.other,
        "base_error": found.perplexity.base_error, "other_error": found.perplexity.other_error,
        "change": found.perplexity.change.value, "mean": found.kld.mean.value,
        "median": found.kld.median.value, "p95": found.kld.p95.value, "p99": found.kld.p99.value,
        "rms_dp": found.rms_dp.value, "same_top": found.same_top.value,
    }  # fmt: skip
    assert measured == pytest.approx(expected, rel=1e-4, abs=2e-5)
    assert found.kld.bound == "at least"


def test_domains_are_all_then_groups_then_their_sources(tmp_path):
    comparison = compare_measurements(*_listed(_pair(tmp_path))).comparison
    kinds = [(one.kind, one.name, one.windows, one.documents) for one in comparison.others[0].domains]
    assert kinds == [
        ("all", "all", 24, 24),
        ("group", "tools", 12, 12),
        ("group", "bank", 12, 12),
        ("source", "tools-0", 6, 6),
        ("source", "tools-2", 6, 6),
        ("source", "bank-1", 6, 6),
        ("source", "bank-3", 6, 6),
    ]


def _listed(pair: tuple[Named, Named]) -> tuple[Named, list[Named]]:
    return pair[0], [pair[1]]


def test_intervals_hold_the_figures_and_a_model_is_itself(tmp_path):
    base, other = _pair(tmp_path)
    comparison = compare_measurements(base, [other, Named("same", base.content)]).comparison
    changed, same = (one.domains[0] for one in comparison.others)
    for estimate in (
        changed.perplexity.change,
        changed.kld.mean,
        changed.kld.p95,
        changed.rms_dp,
        changed.same_top,
    ):
        assert estimate.low < estimate.value < estimate.high
    assert (same.kld.mean.value, same.kld.mean.high, same.kld.p99.value) == pytest.approx((0, 0, 0), abs=1e-5)
    assert (same.perplexity.change.value, same.same_top.value, same.rms_dp.value) == (0, 1, 0)


def test_the_same_files_give_the_same_comparison(tmp_path):
    pair = _listed(_pair(tmp_path))
    first, again = (compare_measurements(*pair).comparison for _ in range(2))
    assert first == again
    path = tmp_path / "compare.json"
    path.write_text(first.model_dump_json())
    assert Comparison.read(path) == first


def test_runs_of_one_name_tell_whether_recipes_differ_beyond_the_noise_of_seeds(tmp_path):
    windows = _windows()
    base = _write(tmp_path / "base.parquet", windows, _logits(windows, 0))
    runs = [
        Named(
            name, _write(tmp_path / f"{name}{seed}.parquet", windows, _logits(windows, seed, noise)).content
        )
        for name, noise, seeds in (("near", 0.2, (1, 2, 3)), ("far", 0.9, (4, 5, 6)), ("alone", 0.3, (7,)))
        for seed in seeds
    ]
    comparison = compare_measurements(base, runs).comparison
    assert [other.model.label for other in comparison.others][:4] == [
        "near #1",
        "near #2",
        "near #3",
        "far #1",
    ]
    assert [(one.name, one.runs) for one in comparison.spreads[0].recipes] == [
        ("near", 3),
        ("far", 3),
        ("alone", 1),
    ]
    contrasts = {(one.one, one.another): one for one in comparison.contrasts if one.kind == "all"}
    near_far = contrasts["near", "far"].kld
    assert near_far.beyond_seeds is True
    assert near_far.seeds_low < near_far.value < near_far.seeds_high < 0
    assert near_far.low < near_far.value < near_far.high < 0
    assert contrasts["near", "alone"].kld.beyond_seeds is None
    assert comparison.spreads[0].recipes[2].kld_deviation is None


def test_runs_that_differ_as_much_as_their_recipes_do_not_differ(tmp_path):
    windows = _windows()
    base = _write(tmp_path / "base.parquet", windows, _logits(windows, 0))
    runs = [
        Named(name, _write(tmp_path / f"{name}{seed}.parquet", windows, _logits(windows, seed, 0.4)).content)
        for name, seeds in (("one", (1, 2, 3)), ("two", (4, 5, 6)))
        for seed in seeds
    ]
    (contrast,) = [one for one in compare_measurements(base, runs).comparison.contrasts if one.kind == "all"]
    assert contrast.kld.beyond_seeds is False


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("ids", "window 3 has token 11 at 2 here and 5 there"),
        ("scored", "window 3 has other tokens scored"),
        ("group", "window 3 is of group other here and bank there"),
        ("fewer", "it has 23 windows, and the base 24"),
        ("longer", "window 3 has 9 tokens here and 8 there"),
    ],
)
def test_other_windows_are_an_error_that_says_what_differs(tmp_path, change, message):
    base = _pair(tmp_path)[0]
    windows = _windows()
    three = windows[3]
    changed = {
        "ids": lambda: Window(
            **_fields(three) | {"ids": np.where(np.arange(_CTX) == 2, 11, three.ids).astype(np.int32)}
        ),
        "scored": lambda: Window(**_fields(three) | {"scored": np.array([4, 5, 6], np.int32)}),
        "group": lambda: Window(**_fields(three) | {"group": "other"}),
        "longer": lambda: Window(**_fields(three) | {"ids": np.append(three.ids, 1).astype(np.int32)}),
        "fewer": lambda: three,
    }[change]()
    windows = windows[:-1] if change == "fewer" else [*windows[:3], changed, *windows[4:]]
    other = _write(tmp_path / "w4.parquet", windows, _logits(windows, 1, 0.5))
    with pytest.raises(RecipeError) as caught:
        compare_measurements(base, [other])
    assert str(caught.value) == (
        f"{other.where}: was not measured on the windows of {base.where}: {message}; models are compared on "
        "the same windows alone, so measure both alike"
    )


def _fields(window: Window) -> dict[str, object]:
    return {name: getattr(window, name) for name in Window.__slots__}


def test_the_cause_of_other_windows_is_named(tmp_path):
    base = _pair(tmp_path)[0]
    windows = _windows(22)
    other = _write(tmp_path / "w4.parquet", windows, _logits(windows, 1, 0.5), data="other.txt", ctx=16)
    with pytest.raises(RecipeError) as caught:
        compare_measurements(base, [other])
    assert (
        "it has 22 windows, and the base 24; data is other.txt here and text.txt there; ctx is 16 here and 8 "
        "there; " in str(caught.value)
    )


def test_a_tokenizer_in_another_folder_is_no_cause_of_other_windows(tmp_path):
    base = _pair(tmp_path)[0]
    windows = _windows(22)
    other = _write(tmp_path / "w4.parquet", windows, _logits(windows, 1, 0.5), tokenizer="elsewhere")
    with pytest.raises(RecipeError) as caught:
        compare_measurements(base, [other])
    assert "it has 22 windows, and the base 24; models are compared on" in str(caught.value)


def test_without_likely_tokens_there_is_perplexity_alone_and_it_is_said(tmp_path):
    windows = _windows()
    base = _write(tmp_path / "base.parquet", windows, _logits(windows, 0), k=0)
    other = _write(tmp_path / "w4.parquet", windows, _logits(windows, 1, 0.5), k=0)
    comparison = compare_measurements(base, [other]).comparison
    assert comparison.others[0].domains[0].kld is None
    assert comparison.others[0].domains[0].same_top is None
    assert comparison.notes[-1] == (
        "a measurement kept no likely tokens (k is 0), so there is no divergence; measure again with some"
    )


def test_bounds_are_of_as_many_likely_tokens_in_all_models(tmp_path):
    windows = _windows()
    base = _write(tmp_path / "base.parquet", windows, _logits(windows, 0))
    logits = _logits(windows, 1, 0.5)
    more = _write(tmp_path / "more.parquet", windows, logits)
    fewer = _write(tmp_path / "fewer.parquet", windows, logits, k=2)
    comparison = compare_measurements(base, [more, fewer]).comparison
    one, other = comparison.others
    assert comparison.k == 2
    assert one.domains == other.domains
    assert "measurements kept 2 to 4 likely tokens; 2 of each are compared" in comparison.notes
    alone = compare_measurements(base, [more]).comparison
    assert alone.others[0].domains[0].kld.mean.value > one.domains[0].kld.mean.value
    assert alone.k == 4


def test_two_runs_with_the_same_figures_are_told(tmp_path):
    base, other = _pair(tmp_path)
    runs = [Named(name, other.content) for name in ("sk", "sk", "w4")]
    notes = compare_measurements(base, runs).comparison.notes
    assert [note for note in notes if "same figures" in note] == [
        "sk #2 has the same figures as sk #1: is it the same model? Then it says nothing of the noise of "
        "seeds"
    ]


def test_few_documents_are_told_and_fewer_have_no_interval(tmp_path):
    windows = [Window(**_fields(one) | {"document": f"d{one.index % 3}"}) for one in _windows()]
    base = _write(tmp_path / "base.parquet", windows, _logits(windows, 0))
    other = _write(tmp_path / "w4.parquet", windows, _logits(windows, 1, 0.5))
    comparison = compare_measurements(base, [other]).comparison
    assert comparison.others[0].domains[0].kld.mean.low is None
    assert comparison.notes[0].startswith(
        "too few documents to say how sure the figures are: all (3), tools (3), bank (3)"
    )


def test_a_group_that_is_called_as_all_of_the_data_is_told_apart(tmp_path):
    windows = [
        Window(
            **_fields(one) | {"group": "all" if one.index % 2 else "tools", "document": f"d{one.index % 3}"}
        )
        for one in _windows()
    ]
    base = _write(tmp_path / "base.parquet", windows, _logits(windows, 0))
    other = _write(tmp_path / "w4.parquet", windows, _logits(windows, 1, 0.5))
    comparison = compare_measurements(base, [other]).comparison
    assert comparison.notes[0].startswith(
        "too few documents to say how sure the figures are: all (3), tools (3), the group all (3)"
    )
    assert "<td>the group all</td>" in comparison._repr_html_()
    perplexities = Measurement.read(base.content).perplexities()
    assert list(perplexities) == ["the group all", "tools", "all"]
    assert len({figure.value for figure in perplexities.values()}) == 3


def test_what_the_base_wrote_has_figures_by_step(tmp_path):
    windows = _windows()
    written = [
        Window(**_fields(one) | {"task": "generate 4:3" if one.index >= 12 else "text"}) for one in windows
    ]
    base = _write(tmp_path / "base.parquet", written, _logits(windows, 0))
    other = _write(tmp_path / "w4.parquet", written, _logits(windows, 1, 0.5))
    comparison = compare_measurements(base, [other]).comparison
    (figures,) = comparison.others[0].generation
    assert comparison.data.windows == 12
    assert (figures.task, figures.windows) == ("4:3", 12)
    assert [(step.first, step.last, step.count) for step in figures.steps] == [
        (1, 1, 12),
        (2, 2, 12),
        (3, 3, 12),
    ]
    assert figures.steps[0].kld == figures.first.value
    assert figures.mean.value == pytest.approx(sum(step.kld for step in figures.steps) / 3)
    expected = _exact(windows, _K, list(range(12, 24)))
    assert figures.mean.value == pytest.approx(expected["mean"], abs=2e-5)


def test_what_only_the_base_wrote_is_noted(tmp_path):
    windows = _windows()
    written = [
        Window(**_fields(one) | {"task": "generate 4:3" if one.index >= 12 else "text"}) for one in windows
    ]
    base = _write(tmp_path / "base.parquet", written, _logits(windows, 0))
    other = _write(tmp_path / "w4.parquet", windows[:12], _logits(windows[:12], 1, 0.5))
    comparison = compare_measurements(base, [other]).comparison
    assert comparison.others[0].generation == ()
    assert (
        comparison.notes[0] == "w4: was not measured on generate 4:3, what the base wrote; --follow does that"
    )


def test_tool_calls_are_compared_with_the_tokenizer_that_spells_them(tmp_path):
    tokenizer = load_tokenizer(str(write_letters(tmp_path)))
    call = '[TOOL_CALLS]now[ARGS]{"zone": "%s"}'
    written = {"base": ("CET", "CET", None, "CET"), "w4": ("CET", "EST", "CET", '"')}
    paths = {}
    for name, zones in written.items():
        windows = _windows(12)
        for zone in zones:
            text = call % zone if zone else "It is noon."
            ids = np.array(
                [*tokenizer.prefix, *tokenizer.encode("At?" + text, parse_special=False)], np.int32
            )
            own = Window(
                index=len(windows),
                ids=ids,
                scored=np.arange(4, len(ids), dtype=np.int32),
                document="d",
                task=CALLS if name == "base" else OWN_CALLS,
            )
            windows.append(own)
        scores = random_scores(windows, 2, vocabulary=258, seed=len(name))
        about = {"tokenizer": tokenizer.name, "tokenizer_sha256": tokenizer.fingerprint}
        paths[name] = Named(name, tmp_path / f"{name}.parquet")
        Measurement(INFO.model_copy(update=about), windows, scores).write(paths[name].content)
    comparison = compare_measurements(paths["base"], [paths["w4"]]).comparison
    calls = comparison.others[0].calls
    assert calls == CallFigures(prompts=4, base_calls=3, other_calls=3, same=1, same_names=2, unreadable=1)
    assert (
        "w4: at 1 of 4 prompts for a tool call a model wrote one that can't be read, which counts as none"
        in comparison.notes
    )
    assert not any("the base called no tool" in note for note in comparison.notes)
    gone = tokenizer.name.replace("tokenizer.json", "gone")
    found = compare_measurements(paths["base"], [paths["w4"]], tokenizer=tokenizer.name).comparison
    assert found.others[0].calls == calls
    (tmp_path / "other").mkdir()
    other = write_letters(tmp_path / "other", bos=False)
    with pytest.raises(
        TokenizerError, match=r"other/tokenizer\.json: is not what the models were measured with"
    ):
        compare_measurements(paths["base"], [paths["w4"]], tokenizer=str(other))
    Path(tokenizer.name).rename(gone)
    without = compare_measurements(paths["base"], [paths["w4"]]).comparison
    assert without.others[0].calls is None
    assert any(note.startswith("w4: tool calls are not compared: ") for note in without.notes)


def test_a_base_that_calls_no_tool_is_told(tmp_path):
    tokenizer = load_tokenizer(str(write_letters(tmp_path)))
    named = []
    for name, task in (("base", CALLS), ("w4", OWN_CALLS)):
        windows = _windows(12)
        ids = np.array(
            [*tokenizer.prefix, *tokenizer.encode("At?It is noon.", parse_special=False)], np.int32
        )
        scored = np.arange(4, len(ids), dtype=np.int32)
        windows.append(Window(index=12, ids=ids, scored=scored, document="d", task=task))
        about = INFO.model_copy(
            update={"tokenizer": tokenizer.name, "tokenizer_sha256": tokenizer.fingerprint}
        )
        scores = random_scores(windows, 2, vocabulary=258)
        named.append(Named(name, Measurement(about, windows, scores)))
    comparison = compare_measurements(named[0], named[1:]).comparison
    assert (
        "w4: the base called no tool at 1 prompt where the data calls one, so its calls tell nothing of what "
        "was lost" in comparison.notes
    )


def test_of_tokens_that_are_equally_likely_the_lowest_id_counts_as_the_likeliest():
    logprobs = np.log(np.array([[0.4, 0.4, 0.1]], dtype=np.float32))
    one, another = (
        LikelyTokens(logprobs[:, 0], np.array([ids], dtype=np.int32), logprobs)
        for ids in ([7, 3, 1], [3, 7, 2])
    )
    pair = pair_from_likely(one, another, np.array([7], dtype=np.int32))
    assert pair.same_top.tolist() == [True]


def test_names_are_given_or_those_of_files(tmp_path):
    assert Named.parse("slovak=a/b.parquet") == Named("slovak", Path("a/b.parquet"))
    assert Named.parse("a/b.parquet") == Named("b", Path("a/b.parquet"))
    assert Named.parse("models/w4.v2").name == "w4.v2"
    odd = tmp_path / "a=b.parquet"
    odd.touch()
    assert Named.parse(str(odd)) == Named("a=b", odd)
    assert label_runs(["a", "b", "a"]) == ["a #1", "b", "a #2"]
    assert Named.parse("w\udcff=a\udcfe") == Named("w\ufffd", Path("a\udcfe"))
    assert Named.parse("a/w\udcff").name == "w\ufffd"
    with pytest.raises(
        RecipeError, match=r"^two models would be called 'a #1'; name one otherwise: NAME=PATH$"
    ):
        label_runs(["a", "a", "a #1"])
