"""Block errors, histograms, scores, ceilings and verdicts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajcast.observables.blocks import mean_error, standard_error, width_error
from trajcast.observables.histogram import density
from trajcast.observables.result import Curve, Result, Scalar
from trajcast.observables.score import ceiling, score
from trajcast.observables.summary import verdict_rows

X = np.linspace(0, 10, 80)
SHAPE = 1 + np.sin(X) ** 2


def a_curve(y, x=X, blocks=(), name="O–O"):
    return Curve(name=name, x=list(x), y=list(y), blocks=[list(b) for b in blocks])


def a_result(*curves, scalars=()):
    return Result(
        observable="rdf", title="", x_label="", y_label="", curves=list(curves), scalars=list(scalars), scored=True
    )


def noisy(rng, count, noise=0.05):
    blocks = SHAPE + rng.normal(scale=noise, size=(count, len(X)))
    return a_curve(blocks.mean(axis=0), blocks=blocks)


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


def test_ceiling_is_the_mean_score_of_all_halves():
    blocks = np.random.default_rng(4).random((5, len(X))) + 1  # the fifth is left out
    halves = [((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2))]
    scores = [score(a_curve(blocks[list(a)].mean(0)), a_curve(blocks[list(b)].mean(0))) for a, b in halves]
    value, spread = ceiling(a_curve(blocks.mean(0), blocks=blocks))
    assert value == pytest.approx(np.mean(scores))
    assert spread == pytest.approx(np.std(scores, ddof=1))
    assert ceiling(a_curve(SHAPE)) is None
    value, spread = ceiling(a_curve(SHAPE, blocks=blocks[:2]))
    assert value == pytest.approx(score(a_curve(blocks[0]), a_curve(blocks[1])))
    assert spread is None


def test_verdict_passes_more_of_the_same_and_fails_what_differs():
    """Forecasts drawn as the MD was are within error nearly always, a slightly wrong one never."""
    rng = np.random.default_rng(5)
    passed, repeats = {"same": 0, "wrong": 0}, 200
    for _ in range(repeats):
        md = noisy(rng, 4)
        for name, factor in (("same", 1.0), ("wrong", 1 + 0.08 * np.cos(X))):
            y = np.array(noisy(rng, 2).y) * factor
            (row,) = verdict_rows({"rdf": a_result(md)}, {"rdf": a_result(a_curve(y))}, 400, 200)
            passed[name] += row["within_error"]
    assert passed["same"] > 0.9 * repeats
    assert passed["wrong"] == 0


def test_verdict_on_numbers():
    def row(md, forecast):
        md, forecast = (Scalar(name="D", value=v, error=e, unit="u", note=n) for v, e, n in (md, forecast))
        (found,) = verdict_rows({"a": a_result(scalars=[md])}, {"a": a_result(scalars=[forecast])}, 10, 10)
        return found

    assert row((1.0, 0.03, ""), (1.09, 0.04, ""))["within_error"] is True
    assert row((1.0, 0.03, ""), (1.11, 0.04, ""))["within_error"] is False
    assert row((1.0, 0.03, ""), (None, None, "why"))["within_error"] is None
    assert row((1.0, 0.03, ""), (None, None, "why"))["note"] == "forecast: why"
    assert row((1.0, None, ""), (1.0, 0.1, ""))["within_error"] is None


def test_a_forecast_too_short_for_its_score_is_noted():
    md = noisy(np.random.default_rng(6), 4)
    notes = [verdict_rows({"rdf": a_result(md)}, {"rdf": a_result(md)}, 300, frames)[0]["note"] for frames in (100, 99)]
    assert notes[0] == ""
    assert "shorter than a third" in notes[1]
