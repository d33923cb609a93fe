"""The sentence about each rollout, and whether it says that the rollout agrees with MD."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import comb
from pathlib import Path
from typing import Any

import pytest
from page_elements import page_of
from report_folder import edit_json, models_of, outcome, scalar_row, score_row

from trajcast.figures.report.headline import headline, verdict
from trajcast.figures.report.inputs import read_study
from trajcast.figures.report.runs import ReportedRun
from trajcast.observables.summary import NO, UNRESOLVED

GOOD = scalar_row("profile", 3.05)
MISSED = scalar_row("profile", 3.05, within_error=False)  # surely different, but tolerable
SECOND_MISSED = scalar_row("profile", 3.05, second_within_error=False)
UNMEASURED = scalar_row("profile", None)


@pytest.fixture(scope="module")
def base(complete_folder: Path) -> ReportedRun:
    [run] = read_study(complete_folder, models_of(complete_folder, 1.0)).runs
    return run


def with_rows(base: ReportedRun, *rows: dict[str, Any], **ended: Any) -> ReportedRun:
    return replace(base, summary=list(rows), outcome=outcome(1.0, **ended))


def test_what_agrees_is_counted_beside_the_second_run(base: ReportedRun) -> None:
    run = with_rows(base, GOOD, MISSED, SECOND_MISSED, score_row("profile", 0.98))
    assert headline(run) == (
        "Δt = 1 fs, NVT (CSVR): rollout completed, 0.06 ps; 3 of 4 quantities within error "
        "(a second MD run: 3 of 4); 4 of 4 within tolerance"
    )
    assert verdict(run).agrees


def test_what_does_not_agree_is_named_with_its_difference(base: ReportedRun) -> None:
    rows = scalar_row("profile", 3.25), scalar_row("spectrum", 2.5, unit=""), score_row("spectrum", 0.95)
    run = with_rows(base, GOOD, *rows)
    assert headline(run).endswith(
        "1 of 4 within tolerance; beyond tolerance: centre (+0.25 Å), centre (−0.50) and "
        "score of the spectrum of O (−0.035)"
    )
    assert verdict(run).outside == ["centre (+0.25 Å)", "centre (−0.50)", "score of the spectrum of O (−0.035)"]
    assert not verdict(run).agrees


def test_without_a_second_run_nothing_stands_beside_it(base: ReportedRun) -> None:
    alone = {"second": None, "second_error": None, "second_within_error": None}
    run = with_rows(base, GOOD | alone, MISSED | alone)
    assert "1 of 2 quantities within error; 2 of 2 within" in headline(run)
    assert verdict(run).second_within is None
    assert verdict(run).agrees
    assert not verdict(with_rows(base, GOOD | alone, MISSED | alone, MISSED | alone)).agrees


def test_tolerances_that_noise_hides_are_counted_apart(base: ReportedRun) -> None:
    unresolved = scalar_row("profile", 3.25, within_error=True, within_tolerance=UNRESOLVED)
    no_tolerance = scalar_row("profile", 3.05, tolerance=None, within_tolerance=None)
    run = with_rows(base, GOOD, unresolved, no_tolerance)
    assert headline(run).endswith("1 of 2 within tolerance, 1 not resolved")
    assert verdict(run).agrees
    assert headline(with_rows(base, no_tolerance)).endswith("(a second MD run: 1 of 1)")


@pytest.mark.parametrize(
    ("rows", "agrees"),
    [
        ([GOOD] * 3, True),
        ([GOOD, GOOD, MISSED], True),
        ([GOOD, MISSED, MISSED], False),
        ([SECOND_MISSED, MISSED, MISSED], False),  # whatever the second run misses
        ([SECOND_MISSED] * 3 + [GOOD], True),
        ([GOOD] * 12 + [MISSED] * 2, True),
        ([GOOD] * 11 + [MISSED] * 3, False),
        ([GOOD] * 11 + [MISSED] * 2 + [UNMEASURED], True),  # what the rollout was too short for is not missed
        ([GOOD] * 5 + [MISSED] * 2 + [UNMEASURED] * 7, False),  # nor judged
        ([UNMEASURED], False),  # nothing to agree in
        ([GOOD] * 20 + [scalar_row("profile", 3.25, within_error=True, within_tolerance=NO)], False),
        ([], False),
    ],
)
def test_a_rollout_agrees_where_chance_explains_its_misses(
    base: ReportedRun, rows: list[dict[str, Any]], agrees: bool
) -> None:
    assert verdict(with_rows(base, *rows)).agrees == agrees


@pytest.mark.parametrize(
    ("judged", "allowed", "chance", "chance_of_one_more"),
    [
        (2, 1, "0.0975", "0.0025"),
        (3, 1, "0.1426", "0.0073"),
        (7, 1, "0.3017", "0.0444"),
        (8, 2, "0.0572", "0.0058"),
        (14, 2, "0.1530", "0.0301"),
        (16, 2, "0.1892", "0.0429"),
        (17, 3, "0.0503", "0.0088"),
        (20, 3, "0.0755", "0.0159"),
        (28, 3, "0.1627", "0.0491"),
        (29, 4, "0.0548", "0.0136"),
    ],
)
def test_as_many_misses_pass_as_a_perfect_model_has_in_one_case_of_twenty(
    base: ReportedRun, judged: int, allowed: int, chance: str, chance_of_one_more: str
) -> None:
    """Of so many quantities with one chance in twenty each, by exact fractions."""

    def chance_of(misses: int) -> Fraction:
        missed, other = Fraction(1, 20), Fraction(19, 20)
        return sum(comb(judged, k) * missed**k * other ** (judged - k) for k in range(misses, judged + 1))

    assert [f"{float(chance_of(n)):.4f}" for n in (allowed, allowed + 1)] == [chance, chance_of_one_more]
    for misses in range(judged + 1):
        run = with_rows(base, *[MISSED] * misses, *[GOOD] * (judged - misses))
        assert verdict(run).agrees == (misses <= allowed)


def test_a_rollout_that_ended_early_does_not_agree(base: ReportedRun) -> None:
    run = with_rows(base, GOOD, GOOD, outcome="too hot", time_ps=0.02)
    assert headline(run).startswith(
        "Δt = 1 fs, NVT (CSVR): rollout ended early (too hot) at 0.02 ps of 0.06 ps; 2 of 2"
    )
    assert not verdict(run).agrees


def test_the_page_begins_with_the_sentences(folder: Path) -> None:
    page = page_of(folder)
    findings = page.split('<ul class="findings">')[1].split("</ul>")[0]
    lines = [line for line in findings.splitlines() if line.startswith("<li")]
    assert [line.split("</strong>")[0] for line in lines] == [
        '<li class="good"><strong>✓ Yes.',
        '<li class="good"><strong>✓ Yes.',
        '<li class="bad"><strong>✗ Not entirely.',
    ]
    assert "beyond tolerance: centre (+0.25 Å), score of the profile of O (−0.025)," in lines[2]


def test_quantities_in_a_sentence_are_escaped(folder: Path) -> None:
    row = scalar_row("profile", 3.25, quantity="<b>centre</b>")
    edit_json(folder / "runs/1fs/observables/summary.json", rows=[row])
    page = page_of(folder, models_of(folder, 1.0))
    assert "beyond tolerance: &lt;b&gt;centre&lt;/b&gt; (+0.25 Å)." in page
    assert "<b>centre" not in page


@pytest.mark.parametrize(("unresolved", "agrees"), [(1, True), (2, True), (3, False)])
def test_runs_too_short_to_tell_do_not_agree(base: ReportedRun, unresolved: int, agrees: bool) -> None:
    """Three blocks of a rollout that heats up are within error of everything."""
    unknown = scalar_row("profile", 3.25) | {"within_error": True, "within_tolerance": UNRESOLVED}
    run = with_rows(base, GOOD, GOOD, *[unknown] * unresolved)
    assert verdict(run).agrees is agrees
