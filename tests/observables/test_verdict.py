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
    return Scalar(key="D", name="D", value=value, error=error, unit="u", **more)


def of_blocks(values: NDArray) -> Scalar:
    return a_scalar(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


def scalar_row(md: Scalar, rollout: Scalar, second: Scalar | None = None, **as_long: bool) -> dict[str, Any]:
    of_second = None if second is None else {"a": a_result(scalars=[second])}
    of_md, of_rollout = ({"a": a_result(scalars=[scalar])} for scalar in (md, rollout))
    [row] = verdict_rows(of_md, of_rollout, of_second, BLOCKS, **as_long)
    return row


def curve_row(
    md: Curve, rollout: Curve | None, second: Curve | None = None, *, again: bool = True, **as_long: bool
) -> dict[str, Any]:
    """With `again` a second run, which has the curve or does not."""
    of_rollout, of_second = (a_result(*([] if curve is None else [curve])) for curve in (rollout, second))
    runs = ({"rdf": a_result(md)}, {"rdf": of_rollout}, {"rdf": of_second} if again else None)
    [row] = verdict_rows(*runs, BLOCKS, **as_long)
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
    """Its lower side of 5 %; neither run need have as many blocks."""
    rng = np.random.default_rng(2)
    verdicts = []
    for _ in range(1000):
        counts, scale = rng.integers(2, 20, size=2), rng.lognormal(sigma=1.5)
        scores, others = rng.normal(rng.normal(scale=1.5), scale, size=counts[0]), rng.normal(size=counts[1])
        p = stats.ttest_ind(scores, others, equal_var=False, alternative="less").pvalue
        verdicts.append(_no_less(scores.tolist(), others.tolist()))
        assert verdicts[-1] == (p >= 0.05)
    assert 0.5 < np.mean(verdicts) < 0.95


def test_numbers_without_noise_agree_only_where_they_are_equal() -> None:
    assert _agree(a_scalar(1.0, 0.0), a_scalar(1.0, 0.0), BLOCKS) is True
    assert _agree(a_scalar(1.0, 0.0), a_scalar(1.0 + 1e-12, 0.0), BLOCKS) is False
    assert _no_less([1.0, 1.0], [1.0, 1.0]) is True
    assert _no_less([0.9, 0.9], [1.0, 1.0]) is False


@pytest.mark.parametrize("reference", [1.0, 0.1])
def test_a_perfect_model_misses_one_number_of_twenty(reference: float) -> None:
    """Whether reference MD is as short as the rollout or far longer, and the second run likewise."""
    rng, repeats = np.random.default_rng(3), 4000
    missed = np.zeros((repeats, 2), dtype=bool)
    for repeat in range(repeats):
        md, *others = (of_blocks(rng.normal(scale=scale, size=BLOCKS)) for scale in (reference, 1.0, 1.0))
        row = scalar_row(md, *others)
        missed[repeat] = not row["within_error"], not row["second_within_error"]
    assert missed.mean(axis=0) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / repeats))


def test_a_perfect_model_misses_one_curve_of_twenty_and_a_wrong_one_every() -> None:
    rng, repeats = np.random.default_rng(4), 4000
    missed = {"same": 0, "wrong": 0}
    md = noisy(rng, 10 * BLOCKS)
    for repeat in range(repeats):
        second = noisy(rng, BLOCKS)
        missed["same"] += not curve_row(md, noisy(rng, BLOCKS), second)["within_error"]
        if repeat < 100:
            missed["wrong"] += not curve_row(md, noisy(rng, BLOCKS, shape=WRONG), second)["within_error"]
    assert missed["same"] / repeats == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / repeats))
    assert missed["wrong"] == 100


def test_curves_are_not_judged_by_a_second_run_that_is_shorter() -> None:
    """Its blocks are noisier than those of the rollout: a model that is surely wrong would pass beside them."""
    rng = np.random.default_rng(13)
    md, rollout, second = noisy(rng, 10 * BLOCKS), noisy(rng, BLOCKS, shape=WRONG), noisy(rng, BLOCKS, noise=0.2)
    assert curve_row(md, rollout, noisy(rng, BLOCKS))["within_error"] is False
    assert curve_row(md, rollout, second)["within_error"] is True
    row = curve_row(md, rollout, second, second_as_long=False)
    assert (row["within_error"], row["second_within_error"]) == (None, None)
    assert (row["score"], row["ceiling"]) == (score(md, rollout), score(md, second))
    assert row["ceiling_error"] > 0
    assert row["note"] == "score: not judged by the second MD run, which is shorter"


@pytest.mark.parametrize("shape", [SHAPE, WRONG])
def test_a_score_beside_that_of_a_shorter_second_run_has_no_tolerance(shape: NDArray) -> None:
    """Noise lowers the score of the shorter one."""
    rng = np.random.default_rng(14)
    md, rollout, second = noisy(rng, 10 * BLOCKS), noisy(rng, BLOCKS, shape=shape), noisy(rng, BLOCKS)
    assert curve_row(md, rollout, second, second_as_long=False)["within_tolerance"] is None


def test_numbers_are_judged_beside_a_second_run_of_any_length() -> None:
    """By the reference, not by the second run."""
    scalars = a_scalar(1.0, tolerance=0.1), a_scalar(1.5), a_scalar(1.1, 0.2)
    row = scalar_row(*scalars, second_as_long=False)
    assert row == scalar_row(*scalars)
    assert (row["within_error"], row["second_within_error"], row["within_tolerance"]) == (False, True, NO)


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


def test_the_second_run_stands_beside_the_rollout() -> None:
    row = scalar_row(a_scalar(1.0), a_scalar(1.1), a_scalar(1.5, 0.2, note="short"))
    assert (row["second"], row["second_error"]) == (1.5, 0.2)
    assert (row["within_error"], row["second_within_error"]) == (True, False)
    assert row["note"] == "second MD run: short"
    md, rollout, second = (noisy(np.random.default_rng(seed), BLOCKS) for seed in (6, 7, 8))
    row = curve_row(md, rollout, second)
    assert (row["score"], row["ceiling"]) == (score(md, rollout), score(md, second))
    assert row["ceiling_error"] > 0
    assert (row["within_error"], row["second_within_error"], row["note"]) == (True, True, "")


@pytest.mark.parametrize(
    ("md", "rollout", "within", "note"),
    [
        (a_scalar(1.0, 0.03), a_scalar(1.09, 0.04), True, ""),
        (a_scalar(1.0, 0.03), a_scalar(1.12, 0.04), False, ""),
        (a_scalar(1.0, 0.03), a_scalar(None, None, note="why"), None, "rollout: why"),
        (a_scalar(1.0, None), a_scalar(1.0, 0.1), None, ""),
        (a_scalar(1.0, 0.1), a_scalar(1.0, None), None, ""),
    ],
)
def test_numbers_without_an_error_have_no_verdict(md: Scalar, rollout: Scalar, within: bool | None, note: str) -> None:
    row = scalar_row(md, rollout)
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
    assert (short["within_error"], short["second_within_error"], short["within_tolerance"]) == (None, None, YES)
    wrong = curve_row(md, a_curve(WRONG), other)
    assert (wrong["within_error"], wrong["within_tolerance"]) == (None, UNRESOLVED)


@pytest.mark.parametrize(
    ("difference", "error", "verdict"),
    [
        (0.4, 0.01, YES),  # however surely it differs
        (-0.4, 0.01, YES),
        (0.4, 10.0, YES),
        (0.6, 0.01, NO),
        (-0.6, 0.01, NO),
        (0.6, 1.0, UNRESOLVED),  # noise alone is larger
        (0.4, None, YES),
        (9.0, None, UNRESOLVED),  # noise alone may be larger
    ],
)
def test_a_difference_that_matters_to_nobody_is_tolerable(difference: float, error: float | None, verdict: str) -> None:
    row = scalar_row(a_scalar(2.0, error, tolerance=0.5), a_scalar(2.0 + difference, error))
    assert (row["tolerance"], row["within_tolerance"]) == (0.5, verdict)


def test_numbers_without_tolerance_or_value_have_no_verdict_on_it() -> None:
    assert scalar_row(a_scalar(1.0), a_scalar(9.0))["within_tolerance"] is None
    assert scalar_row(a_scalar(1.0, tolerance=0.5), a_scalar(None, None))["within_tolerance"] is None


@pytest.mark.parametrize(
    ("shape", "noise", "verdicts"),
    [(SHAPE, 0.02, {YES}), (WRONG, 0.02, {NO}), (WRONG, 2.0, {YES, UNRESOLVED, NO})],
)
def test_a_score_may_be_a_hundredth_below_that_of_the_second_run(
    shape: NDArray, noise: float, verdicts: set[str]
) -> None:
    """In noise that hides what is wrong, one below is not resolved, but for the misses of one in twenty."""
    rng, repeats, found = np.random.default_rng(11), 400, []
    for _ in range(repeats):
        row = curve_row(noisy(rng, 200, noise), noisy(rng, BLOCKS, noise, shape), noisy(rng, BLOCKS, noise))
        below = row["score"] < row["ceiling"] - 0.01
        assert row["within_tolerance"] == (YES if not below else UNRESOLVED if row["within_error"] else NO)
        assert row["tolerance"] == 0.01
        found.append(row["within_tolerance"])
    assert set(found) == verdicts
    if len(verdicts) > 1:
        assert found.count(UNRESOLVED) / repeats > 0.1
        assert found.count(NO) / repeats < 0.05 + 4 * np.sqrt(0.05 * 0.95 / repeats)


def test_reference_numbers_that_the_rollout_does_not_have_are_left_out() -> None:
    md = a_result(scalars=[a_scalar(1.0), Scalar(key="other", name="other", value=1.0, error=0.1, unit="u")])
    rows = verdict_rows({"a": md}, {"a": a_result(scalars=[a_scalar(1.0)])}, None, BLOCKS)
    assert [row["quantity"] for row in rows] == ["D"]


def test_notes_say_whose_they_are() -> None:
    results = ({"rdf": a_result(noisy(np.random.default_rng(12), BLOCKS), note=f"note {i}")} for i in range(3))
    [row] = verdict_rows(*results, BLOCKS)
    assert row["note"] == "MD: note 0; rollout: note 1; second MD run: note 2"
