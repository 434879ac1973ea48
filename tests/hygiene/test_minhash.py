"""Sketches that agree are found, the best first, and of very many only some."""

from __future__ import annotations

from random import Random

import numpy as np
import numpy.typing as npt
import pytest

from calibset.hygiene.minhash import Sketches, make_sketch


def hashes(seed: int, count: int = 200) -> npt.NDArray[np.uint64]:
    """Return hashes that no other seed returns."""
    random = Random(seed)
    return np.array(sorted(random.getrandbits(64) for _ in range(count)), np.uint64)


def with_others(some: npt.NDArray[np.uint64], count: int, seed: int) -> npt.NDArray[np.uint64]:
    """Return the hashes with others in place of the first of them."""
    return np.sort(np.concatenate((some[count:], hashes(seed, count))))


@pytest.mark.parametrize("count", [1, 255, 256, 257, 511, 512, 1_000])
def test_each_is_found_by_its_number_wherever_it_is_kept(count: int) -> None:
    sketches = Sketches()
    some = [make_sketch(hashes(seed, 30)) for seed in range(count)]
    for sketch in some:
        sketches.add(sketch)
    for number in {0, 1, 254, 255, 256, 510, 511, 512, 767, 768, count - 1} & set(range(count)):
        assert sketches.find_similar(some[number], 0.9).tolist() == [number]
    assert sketches.find_similar(make_sketch(hashes(-1)), 0.5).tolist() == []


def test_runs_that_are_not_joined_any_more_are_searched_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibset.hygiene.minhash._MOST_RUN", 512)
    sketches = Sketches()
    some = [make_sketch(hashes(seed, 30)) for seed in range(1_600)]
    for sketch in some:
        sketches.add(sketch)
    for number in (0, 600, 1_100, 1_550):
        assert sketches.find_similar(some[number], 0.9).tolist() == [number]


def test_the_best_comes_first_and_the_earlier_of_two_that_are_as_good() -> None:
    sketches = Sketches()
    some = hashes(1)
    for others in (60, 5, 30, 5):
        sketches.add(make_sketch(with_others(some, others, seed=others)))
    # Fills a run, so that the last is kept elsewhere.
    for seed in range(252):
        sketches.add(make_sketch(hashes(seed + 1_000)))
    sketches.add(make_sketch(with_others(some, 5, seed=5)))
    assert sketches.find_similar(make_sketch(some), 0.4).tolist() == [1, 3, 256, 2, 0]
    assert sketches.find_similar(make_sketch(some), 0.85).tolist() == [1, 3, 256]


def test_of_very_many_that_share_a_band_the_first_of_each_run_are_found() -> None:
    sketches = Sketches()
    same = make_sketch(hashes(1))
    for _ in range(512 + 256 + 10):
        sketches.add(same)
    assert sketches.find_similar(same, 1.0).tolist() == [*range(64), *range(512, 576), *range(768, 778)]


def test_the_least_and_the_greatest_bytes_are_found() -> None:
    sketches = Sketches()
    zeros, ones = np.zeros(128, np.uint8), np.full(128, 255, np.uint8)
    for number in range(256):
        sketches.add(ones if number % 200 else zeros)
    assert sketches.find_similar(zeros, 1.0).tolist() == [0, 200]
    assert sketches.find_similar(ones, 1.0).tolist() == [number for number in range(66) if number % 200][:64]
