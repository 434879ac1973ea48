"""compare takes measurements, their paths, and names, and gives what the command prints as JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

import calibset
from calibset.cli import main
from calibset.core.errors import CalibsetError
from calibset.evaluation.comparison import Comparison
from calibset.evaluation.measurement import Measurement
from tests.evaluation.measurements import small_measurement


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Measurement]:
    """A base and others, which are written as well."""
    monkeypatch.chdir(tmp_path)
    measured = {name: small_measurement(model=f"/models/{name}") for name in ("base", "w4", "w3")}
    for name, one in measured.items():
        one.write(f"{name}.parquet")
    return measured


def test_it_gives_what_the_command_prints(
    models: dict[str, Measurement], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    comparison = calibset.compare(models["base"], models["w4"])
    assert main(["compare", "base.parquet", "w4.parquet", "--json"]) == 0
    printed = capsys.readouterr().out
    assert Comparison.model_validate_json(printed) == comparison
    comparison.write("compare.json")
    assert Path("compare.json").read_text() == printed
    assert Comparison.read("compare.json") == comparison


def test_it_shows_itself(models: dict[str, Measurement]) -> None:
    comparison = calibset.compare("base.parquet", ["w4.parquet", Path("w3.parquet")])
    assert repr(comparison) == str(comparison) == "<Comparison text.txt: w4, w3 against base, mean KLD ≥0>"
    html = comparison._repr_html_()
    assert html.startswith(
        "<table><caption>text.txt: against base; brackets hold 95 % intervals over documents</caption>"
    )
    assert html.count("<td>all</td>") == 2
    assert "<td>+0.0%</td><td>≥0</td><td>100.0%</td>" in html


def test_runs_of_a_recipe_have_one_name(models: dict[str, Measurement]) -> None:
    comparison = calibset.compare(models["base"], {"sk": [models["w4"], "w3.parquet"], "pile": "w3.parquet"})
    assert [other.model.label for other in comparison.others] == ["sk #1", "sk #2", "pile"]
    assert [(one.name, one.runs) for one in comparison.spreads[0].recipes] == [("sk", 2), ("pile", 1)]


def test_a_measurement_in_memory_is_named_in_an_error(models: dict[str, Measurement]) -> None:
    other = small_measurement(model="w2", ctx=512)
    shorter = Measurement(other.about, other.windows[:1], other.scores[:1])
    with pytest.raises(
        CalibsetError,
        match=r"^w2: was not measured on the windows of base\.parquet: it has 1 windows, and the ",
    ):
        calibset.compare("base.parquet", shorter)


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ([], "there is no other model to compare with the base"),
        ("gone.parquet", "gone.parquet: can't be read: No such file or directory"),
        ("http://a/b", "http://a/b: is a server's address; measure it first with `calibset evaluate`"),
        ({"a": "http://a/b"}, "http://a/b: is a server's address; measure it first with `calibset evaluate`"),
        (
            ".",
            ". is a folder, and base.parquet is not; compare folders with folders, or measure each with "
            "`calibset evaluate` and compare what it writes",
        ),
    ],
)
def test_others_that_can_not_be_compared(
    others: object, message: str, models: dict[str, Measurement]
) -> None:
    with pytest.raises(CalibsetError) as error:
        calibset.compare("base.parquet", others)  # type: ignore[arg-type]
    assert str(error.value) == message


def test_a_page_must_be_html(models: dict[str, Measurement]) -> None:
    with pytest.raises(CalibsetError, match=r"^--page a\.pdf: a page must end in \.html$"):
        calibset.compare("base.parquet", "w4.parquet", page="a.pdf")
