"""What differs from reference MD, and what does not: by Student's t, by a second MD run, and by what matters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from noisy_curves import SHAPE, X, a_curve, a_result, noisy
from numpy.typing import NDArray
from scipy import stats

from trajcast.observables.result import Curve, Scalar
from trajcast.observables.score import score
from trajcast.observables.summary import NO, UNRESOLVED, YES, _agree, _no_less, verdict_rows

BLOCKS = 16
WRONG = SHAPE * (1 + 0.08 * np.cos(X))


def a_scalar(value: float | None, error: float | None = 0.1, **more: Any) -> Scalar:
    return Scalar(name="D", value=value, error=error, unit="u", **more)


def of_blocks(values: NDArray) -> Scalar:
    return a_scalar(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


def scalar_row(md: Scalar, forecast: Scalar, second: Scalar | None = None) -> dict[str, Any]:
    of_second = None if second is None else {"a": a_result(scalars=[second])}
    [row] = verdict_rows({"a": a_result(scalars=[md])}, {"a": a_result(scalars=[forecast])}, of_second, BLOCKS)
    return row


def curve_row(md: Curve, forecast: Curve | None, second: Curve | None = None, *, again: bool = True) -> dict[str, Any]:
    """With `again` a second run, which has the curve or does not."""
    of_forecast, of_second = (a_result(*([] if curve is None else [curve])) for curve in (forecast, second))
    [row] = verdict_rows({"rdf": a_result(md)}, {"rdf": of_forecast}, {"rdf": of_second} if again else None, BLOCKS)
    return row


def test_numbers_agree_where_welchs_test_does_not_tell_them_apart() -> None:
    rng = np.random.default_rng(1)
    verdicts = []
    for _ in range(1000):
        count, scale, shift = int(rng.integers(2, 20)), rng.lognormal(sigma=1.5), rng.normal(scale=1.5)
        md, other = rng.normal(size=count), rng.normal(shift, scale, size=count)
        p = stats.ttest_ind(md, other, equal_var=False).pvalue
        verdicts.append(_agree(of_blocks(md), of_blocks(other), count))
        assert verdicts[-1] == (p >= 0.05)
    assert 0.2 < np.mean(verdicts) < 0.95  # both happen


def test_scores_are_no_less_where_welchs_test_does_not_tell_them_apart() -> None:
    """Of its two sides of 2.5 % the lower one counts; neither run need have as many blocks."""
    rng = np.random.default_rng(2)
    verdicts = []
    for _ in range(1000):
        counts, scale = rng.integers(2, 20, size=2), rng.lognormal(sigma=1.5)
        scores, others = rng.normal(rng.normal(scale=1.5), scale, size=counts[0]), rng.normal(size=counts[1])
        p = stats.ttest_ind(scores, others, equal_var=False, alternative="less").pvalue
        verdicts.append(_no_less(scores.tolist(), others.tolist()))
        assert verdicts[-1] == (p >= 0.025)
    assert 0.5 < np.mean(verdicts) < 0.98


def test_numbers_without_noise_agree_only_where_they_are_equal() -> None:
    assert _agree(a_scalar(1.0, 0.0), a_scalar(1.0, 0.0), BLOCKS) is True
    assert _agree(a_scalar(1.0, 0.0), a_scalar(1.0 + 1e-12, 0.0), BLOCKS) is False
    assert _no_less([1.0, 1.0], [1.0, 1.0]) is True
    assert _no_less([0.9, 0.9], [1.0, 1.0]) is False


@pytest.mark.parametrize("reference", [1.0, 0.1])
def test_a_perfect_model_misses_one_number_of_twenty(reference: float) -> None:
    """Whether reference MD is as short as the roll-out or far longer, and the second run likewise."""
    rng, repeats = np.random.default_rng(3), 4000
    missed = np.zeros((repeats, 2), dtype=bool)
    for repeat in range(repeats):
        md, *others = (of_blocks(rng.normal(scale=scale, size=BLOCKS)) for scale in (reference, 1.0, 1.0))
        row = scalar_row(md, *others)
        missed[repeat] = not row["within_error"], not row["second_within_error"]
    assert missed.mean(axis=0) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / repeats))


def test_a_perfect_model_seldom_misses_a_curve_and_a_wrong_one_always_does() -> None:
    """Only lower scores are misses: half of 5 %."""
    rng, repeats = np.random.default_rng(4), 2000
    missed = {"same": 0, "wrong": 0}
    md = noisy(rng, 10 * BLOCKS)
    for repeat in range(repeats):
        second = noisy(rng, BLOCKS)
        missed["same"] += not curve_row(md, noisy(rng, BLOCKS), second)["within_error"]
        if repeat < 100:
            missed["wrong"] += not curve_row(md, noisy(rng, BLOCKS, shape=WRONG), second)["within_error"]
    assert missed["same"] / repeats == pytest.approx(0.025, abs=4 * np.sqrt(0.025 * 0.975 / repeats))
    assert missed["wrong"] == 100


def test_without_a_second_run_curves_are_judged_by_the_halves_of_the_reference() -> None:
    rng, repeats = np.random.default_rng(5), 100
    within = {"same": 0, "wrong": 0}
    for _ in range(repeats):
        md = noisy(rng, 4)
        for name, shape in (("same", SHAPE), ("wrong", WRONG)):
            row = curve_row(md, noisy(rng, 2, shape=shape), again=False)
            within[name] += row["within_error"]
            assert row["second_within_error"] is None
            assert row["note"] == "score: judged by the halves of the reference"
    assert within["same"] > 0.9 * repeats
    assert within["wrong"] == 0


def test_the_second_run_stands_beside_the_roll_out() -> None:
    row = scalar_row(a_scalar(1.0), a_scalar(1.1), a_scalar(1.5, 0.2, note="short"))
    assert (row["second"], row["second_error"]) == (1.5, 0.2)
    assert (row["within_error"], row["second_within_error"]) == (True, False)
    assert row["note"] == "second MD run: short"
    md, forecast, second = (noisy(np.random.default_rng(seed), BLOCKS) for seed in (6, 7, 8))
    row = curve_row(md, forecast, second)
    assert (row["score"], row["ceiling"]) == (score(md, forecast), score(md, second))
    assert row["ceiling_error"] > 0
    assert (row["within_error"], row["second_within_error"], row["note"]) == (True, True, "")


@pytest.mark.parametrize(
    ("md", "forecast", "within", "note"),
    [
        (a_scalar(1.0, 0.03), a_scalar(1.09, 0.04), True, ""),
        (a_scalar(1.0, 0.03), a_scalar(1.12, 0.04), False, ""),
        (a_scalar(1.0, 0.03), a_scalar(None, None, note="why"), None, "forecast: why"),
        (a_scalar(1.0, None), a_scalar(1.0, 0.1), None, ""),
        (a_scalar(1.0, 0.1), a_scalar(1.0, None), None, ""),
    ],
)
def test_numbers_without_an_error_have_no_verdict(md: Scalar, forecast: Scalar, within: bool | None, note: str) -> None:
    row = scalar_row(md, forecast)
    assert (row["within_error"], row["note"]) == (within, note)
    assert (row["second"], row["second_within_error"]) == (None, None)


def test_curves_that_are_missing_or_have_no_blocks_have_no_verdict() -> None:
    md, other = (noisy(np.random.default_rng(seed), BLOCKS) for seed in (9, 10))
    missing = curve_row(md, None, other)
    assert (missing["score"], missing["within_error"], missing["within_tolerance"]) == (None, None, None)
    assert missing["ceiling"] == score(md, other)
    no_second = curve_row(md, other, None)
    assert no_second["score"] == score(md, other)
    assert [no_second[key] for key in ("ceiling", "within_error", "second_within_error", "within_tolerance")] == [
        None
    ] * 4
    short = curve_row(md, a_curve(other.y), other)
    assert (short["within_error"], short["second_within_error"]) == (None, None)


@pytest.mark.parametrize(
    ("difference", "error", "verdict"),
    [
        (0.4, 0.01, YES),  # however surely it differs
        (-0.4, 0.01, YES),
        (0.4, 10.0, YES),
        (0.6, 0.01, NO),
        (-0.6, 0.01, NO),
        (0.6, 1.0, UNRESOLVED),  # noise alone is larger
    ],
)
def test_a_difference_that_matters_to_nobody_is_tolerable(difference: float, error: float, verdict: str) -> None:
    row = scalar_row(a_scalar(2.0, error, tolerance=0.5), a_scalar(2.0 + difference, error))
    assert (row["tolerance"], row["within_tolerance"]) == (0.5, verdict)


def test_numbers_without_tolerance_or_value_have_no_verdict_on_it() -> None:
    assert scalar_row(a_scalar(1.0), a_scalar(9.0))["within_tolerance"] is None
    assert scalar_row(a_scalar(1.0, tolerance=0.5), a_scalar(None, None))["within_tolerance"] is None


@pytest.mark.parametrize(
    ("shape", "noise", "verdict"),
    [(SHAPE, 0.02, YES), (WRONG, 0.02, NO), (WRONG, 2.0, UNRESOLVED)],
)
def test_a_score_may_be_a_hundredth_below_that_of_the_second_run(shape: NDArray, noise: float, verdict: str) -> None:
    rng = np.random.default_rng(11)
    row = curve_row(noisy(rng, 200, noise), noisy(rng, BLOCKS, noise, shape), noisy(rng, BLOCKS, noise))
    assert (row["tolerance"], row["within_tolerance"]) == (0.01, verdict)
    assert (row["score"] >= row["ceiling"] - 0.01) == (verdict == YES)


def test_reference_numbers_that_the_roll_out_does_not_have_are_left_out() -> None:
    md = a_result(scalars=[a_scalar(1.0), Scalar(name="other", value=1.0, error=0.1, unit="u")])
    rows = verdict_rows({"a": md}, {"a": a_result(scalars=[a_scalar(1.0)])}, None, BLOCKS)
    assert [row["quantity"] for row in rows] == ["D"]


def test_notes_say_whose_they_are() -> None:
    results = ({"rdf": a_result(noisy(np.random.default_rng(12), BLOCKS), note=f"note {i}")} for i in range(3))
    [row] = verdict_rows(*results, BLOCKS)
    assert row["note"] == "MD: note 0; forecast: note 1; second MD run: note 2"
