from __future__ import annotations

import pickle

import pytest

from calibset.core import errors
from calibset.core.errors import CalibsetError, MixtureError
from calibset.core.shortage import Shortage

SHORTAGE = Shortage(
    samples={"web": 1, "wiki": 4}, quotas={"web": 4, "wiki": 4}, short=("web",), nsamples=8, policy="error"
)
PLAIN = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, CalibsetError) and kind is not MixtureError
]


@pytest.mark.parametrize("kind", PLAIN)
def test_an_error_comes_back_from_another_process(kind: type[CalibsetError]) -> None:
    error = kind("recipe.toml: no such file")
    assert str(pickle.loads(pickle.dumps(error))) == "recipe.toml: no such file"


def test_a_mixture_error_says_what_is_short_what_was_left_out_and_what_to_do() -> None:
    error = MixtureError(
        SHORTAGE, file="holdout", left_out={"web": "3 rejected: empty text", "wiki": ""}, hints=["read more"]
    )
    assert str(error) == (
        'holdout: mixture: web gives 1 of 4 rows: 5 of 8 rows in all (shortage = "error"); '
        'lower nsamples or its weight, or add a source to its group, or set shortage = "redistribute", '
        'or set shortage = "repeat" with max_repeats >= 4; left out: of web 3 rejected: empty text; read more'
    )
    assert (error.shortage, error.file, error.left_out) == (
        SHORTAGE, "holdout", {"web": "3 rejected: empty text"},
    )  # fmt: skip


def test_a_mixture_error_comes_back_from_another_process() -> None:
    error = MixtureError(SHORTAGE, left_out={"web": "3 rejected: empty text"}, hints=["read more"])
    error.rejections = {"web": ()}
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.shortage, again.left_out) == (str(error), SHORTAGE, error.left_out)
    assert again.rejections == {"web": ()}
