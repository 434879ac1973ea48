"""Student's quantiles are those of the tables."""

import pytest

from calibset.evaluation.figures.student import student_quantile


@pytest.mark.parametrize(
    ("freedom", "value"),
    [(1, 12.7062), (1.5, 6.0166), (2, 4.3027), (4, 2.7764), (30, 2.0423), (1000, 1.9623)],
)
def test_quantiles_are_those_of_the_tables(freedom, value):
    assert student_quantile(0.975, freedom) == pytest.approx(value, rel=2e-4)
    assert student_quantile(0.025, freedom) == pytest.approx(-value, rel=2e-4)
    assert student_quantile(0.5, freedom) == pytest.approx(0, abs=1e-6)
