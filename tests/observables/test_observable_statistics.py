"""Block errors, histograms, scores of curves, of their blocks and of halves, and digits that are kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from noisy_curves import SHAPE, X, a_curve, noisy

from trajcast.observables.blocks import mean_error, standard_error, width_error
from trajcast.observables.histogram import density
from trajcast.observables.score import block_scores, halves, score
from trajcast.observables.summarize import rounded


@pytest.mark.parametrize("phi", [0.0, 0.9])
def test_block_error_of_correlated_noise(phi):
    """AR(1): a mean of L values has the variance [(1 + φ)/(1 − φ) − 2 φ (1 − φᴸ) / (L (1 − φ)²)] / L."""
    rng = np.random.default_rng(1)
    repeats, blocks, length = 1500, 5, 200
    noise = rng.normal(scale=np.sqrt(1 - phi**2), size=(repeats, blocks * length))
    series = np.empty_like(noise)
    series[:, 0] = rng.normal(size=repeats)
    for i in range(1, blocks * length):
        series[:, i] = phi * series[:, i - 1] + noise[:, i]
    squared = np.array([mean_error(s, blocks) for s in series]) ** 2
    variance = ((1 + phi) / (1 - phi) - 2 * phi * (1 - phi**length) / (length * (1 - phi) ** 2)) / length
    neighbours = phi * (1 - phi**length) ** 2 / (length * (1 - phi)) ** 2  # covariance of neighbouring blocks
    expected = (variance - 2 / blocks * neighbours) / blocks
    assert squared.mean() == pytest.approx(expected, abs=4 * squared.std() / np.sqrt(repeats))


def test_width_error_is_that_of_a_standard_deviation():
    rng = np.random.default_rng(2)
    errors = [width_error(s, 4) for s in rng.normal(size=(1000, 400))]
    expected = 1 / np.sqrt(2 * 400)
    assert np.mean(np.square(errors)) == pytest.approx(expected**2, rel=0.1)


def test_series_too_short_for_blocks_have_no_error():
    assert mean_error(np.zeros(0), 4) is None
    assert mean_error(np.arange(7.0), 4) is None
    assert width_error(np.arange(7.0), 4) is None
    assert mean_error(np.arange(8.0), 4) == pytest.approx(standard_error(np.array([0.5, 2.5, 4.5, 6.5])))


def test_histogram_has_unit_area_and_multinomial_errors():
    series = np.random.default_rng(3).normal(size=4000)
    found = density("x", series, 8)
    width = found.x[1] - found.x[0]
    assert np.sum(found.y) * width == pytest.approx(1)
    p = np.array(found.y) * width
    often, error = p > 0.01, np.array(found.error) * width
    ratio = (error**2)[often] / (p * (1 - p) / len(series))[often]
    assert ratio.mean() == pytest.approx(1, abs=4 * np.sqrt(2 / 7 / often.sum()))


def test_score_of_known_curves():
    triangle = a_curve([0.0, 1.0, 0.0], x=[0.0, 1.0, 2.0])
    assert score(triangle, triangle) == 1
    assert score(triangle, a_curve([1.0, 0.0, 1.0], x=[0.0, 1.0, 2.0])) == 0
    assert score(triangle, a_curve([0.0, 3.0, 0.0], x=[0.0, 1.0, 2.0])) == pytest.approx(1 - 2 / 4)
    finer = a_curve([0.0, 0.5, 1.0, 0.5, 0.0], x=[0.0, 0.5, 1.0, 1.5, 2.0])
    assert score(triangle, finer) == 1
    assert score(triangle, a_curve([], x=[])) is None
    assert score(a_curve([0.0], x=[1.0]), a_curve([0.0], x=[1.0])) is None


positive = st.lists(st.floats(0.01, 100), min_size=5, max_size=5)


@given(positive, positive)
def test_score_lies_between_0_and_1_and_does_not_prefer_either(a, b):
    x = range(5)
    value = score(a_curve(a, x=x), a_curve(b, x=x))
    assert -1e-12 <= value <= 1
    assert value == pytest.approx(score(a_curve(b, x=x), a_curve(a, x=x)), abs=1e-12)


def test_blocks_are_scored_against_the_whole_reference():
    md, rollout = noisy(np.random.default_rng(4), 16), noisy(np.random.default_rng(5), 4)
    found = block_scores(md, rollout)
    assert found == [score(md, a_curve(block)) for block in rollout.blocks]
    assert max(found) < score(md, rollout)  # a block has more noise than their mean
    assert block_scores(md, a_curve(SHAPE)) == []  # no blocks
    assert block_scores(a_curve([], x=[]), rollout) == []


def test_halves_are_scored_in_every_division():
    blocks = np.random.default_rng(4).random((5, len(X))) + 1  # the fifth is left out
    divisions = [((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2))]
    scores = [score(a_curve(blocks[list(a)].mean(0)), a_curve(blocks[list(b)].mean(0))) for a, b in divisions]
    value, spread = halves(a_curve(blocks.mean(0), blocks=blocks))
    assert value == pytest.approx(np.mean(scores))
    assert spread == pytest.approx(np.std(scores, ddof=1))
    assert halves(a_curve(SHAPE)) is None
    value, spread = halves(a_curve(SHAPE, blocks=blocks[:2]))
    assert value == pytest.approx(score(a_curve(blocks[0]), a_curve(blocks[1])))
    assert spread is None


def test_many_blocks_are_divided_in_some_ways_only_with_the_same_result(monkeypatch):
    """16 blocks have 6435 divisions."""
    md = noisy(np.random.default_rng(6), 16)
    value, spread = halves(md)
    monkeypatch.setattr("trajcast.observables.score.DIVISIONS", 10**6)
    every_value, every_spread = halves(md)
    assert value == pytest.approx(every_value, abs=0.2 * every_spread)
    assert spread == pytest.approx(every_spread, rel=0.2)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_seven_digits_of_a_number_are_kept(value):
    found = rounded(value)
    assert found == pytest.approx(value, rel=5.0000001e-7, abs=1e-310)
    assert len(repr(found).split("e")[0].replace(".", "").lstrip("-0").rstrip("0")) <= 7
    assert rounded(found) == found


def test_numbers_are_rounded_wherever_they_stand_and_nothing_else_is():
    value = {"y": [[0.123456789], (1 / 3, 2)], "count": 123456789, "error": None, "scored": True, "name": "1.23456789"}
    expected = value | {"y": [[0.1234568], [0.3333333, 2]]}
    assert rounded(value) == expected
    assert rounded(np.float64(1e23 / 3)) == 3.333333e22
