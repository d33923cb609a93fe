"""Which summaries of reference MD stand for which settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from trajcast.config.configuration import read_config
from trajcast.config.schema import ObservableSettings, ReferenceSettings
from trajcast.config.validation import validate
from trajcast.core.errors import UserError
from trajcast.io.files import write_json
from trajcast.io.formats import MD_SUMMARY
from trajcast.observables.references import RECORD, matching, physics, read_record, read_results

CONFIG = Path(__file__).parents[2] / "config.yaml"
SEEDS = {"again": 102, "cold": 101, "water": 101}  # of the MD of each summary
NPT = {"duration_ps": 10.0, "pressure_bar": 1.0, "damping_fs": 100.0, "bulk_modulus_GPa": 2.0}


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    """The liquid of config.yaml."""
    system: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["systems"]["liquid"]
    return system


def changed(values: dict[str, Any], section: type[Any], changes: dict[str, Any]) -> Any:
    name = {ReferenceSettings: "reference", ObservableSettings: "observables"}[section]
    copy = yaml.safe_load(yaml.safe_dump(values[name]))
    update_config(copy, changes)
    return validate(section, copy, name)


@pytest.fixture(scope="module")
def shipped(values: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of summaries: of the liquid, at 5 and 10 fs, and of the liquid at another temperature."""
    folder = tmp_path_factory.mktemp("md")
    for name, temperature_K in (("cold", 280.0), ("water", 300.0)):
        write_summary(folder / name, values, temperature_K=temperature_K, seed=SEEDS[name])
    return folder


def write_summary(folder: Path, values: dict[str, Any], **settings: Any) -> None:
    """The record of a summary of MD with these settings, as `trajcast summarize` writes it."""
    reference = changed(values, ReferenceSettings, settings)
    record = {
        "format": MD_SUMMARY.name,
        "physics": physics(reference),
        "observables": changed(values, ObservableSettings, {}).model_dump(mode="json"),
        "spacings_fs": [5.0, 10.0],
        "md": {"settings": reference.model_dump(mode="json")},
    }
    write_json(folder / RECORD, record)


def test_the_same_settings_are_found_at_each_spacing(values: dict[str, Any], shipped: Path) -> None:
    reference, observables = changed(values, ReferenceSettings, {}), changed(values, ObservableSettings, {})
    for spacing_fs, found in ((5.0, shipped / "water"), (10.0, shipped / "water"), (15.0, None), (2.5, None)):
        assert matching(reference, observables, spacing_fs, shipped) == found
    cold = changed(values, ReferenceSettings, {"temperature_K": 280.0})
    assert matching(cold, observables, 5.0, shipped) == shipped / "cold"
    assert matching(reference, observables, 5.0, shipped / "nothing here") is None


@pytest.mark.parametrize(
    ("spacing_fs", "found"),
    [(sum([0.1] * 50), True), (10 - 1e-7, True), (10.0001, False), (4.999, False)],
)
def test_a_spacing_that_was_calculated_is_the_same(
    values: dict[str, Any], shipped: Path, spacing_fs: float, found: bool
) -> None:
    """And names the same files."""
    assert spacing_fs not in (5.0, 10.0)
    reference, observables = changed(values, ReferenceSettings, {}), changed(values, ObservableSettings, {})
    assert matching(reference, observables, spacing_fs, shipped) == (shipped / "water" if found else None)
    assert (f"{spacing_fs:g}" in ("5", "10")) == found


def test_md_with_the_seed_of_the_md_made_here_is_not_independent_of_it(
    values: dict[str, Any], shipped: Path, tmp_path: Path
) -> None:
    """It would be the second run, and judged by itself."""
    observables = changed(values, ObservableSettings, {})
    same, other = (changed(values, ReferenceSettings, {"seed": SEEDS[name]}) for name in ("water", "again"))
    assert matching(same, observables, 5.0, shipped) is None
    assert matching(other, observables, 5.0, shipped) == shipped / "water"
    for name in ("again", "water"):
        write_summary(tmp_path / name, values, seed=SEEDS[name])
    assert matching(same, observables, 5.0, tmp_path) == tmp_path / "again"
    assert matching(other, observables, 5.0, tmp_path) == tmp_path / "water"


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 7},
        {"device": "cpu"},
        {"max_drift_meV_per_atom_per_ps": 1.0},
        {"equilibration": {"duration_ps": 99.0, "damping_fs": 50.0}},
        {"nve": {"duration_ps": 99.0, "runs": 7, "start_window_K": 5.0}},
        {"nvt": {"duration_ps": 99.0, "interval_fs": 1.0, "second_run_ps": 9.0}},
    ],
)
def test_length_start_and_random_numbers_do_not_matter(
    values: dict[str, Any], shipped: Path, changes: dict[str, Any]
) -> None:
    reference = changed(values, ReferenceSettings, changes)
    assert matching(reference, changed(values, ObservableSettings, {}), 5.0, shipped) == shipped / "water"


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature_K": 301.0},
        {"timestep_fs": 0.25},
        {"parameters": {"box_A": 12.4}},
        {"parameters": {"ewald_accuracy": 1.0e-4}},
        {"nvt": {"tau_fs": 100.0}},
        {"equilibration": {"npt": NPT}},  # with it the cell is found anew
        {"potential": "sevennet-0"},
        {"system": "molecule"},
    ],
)
def test_other_physics_is_another_reference(values: dict[str, Any], shipped: Path, changes: dict[str, Any]) -> None:
    reference = changed(values, ReferenceSettings, changes)
    assert matching(reference, changed(values, ObservableSettings, {}), 5.0, shipped) is None


@pytest.mark.parametrize("changes", [{"rdf_bins": 151}, {"blocks": 8}, {"msd_fit_to_ps": 4.0}])
def test_other_observables_are_measured_on_md_made_here(
    values: dict[str, Any], shipped: Path, changes: dict[str, Any]
) -> None:
    observables = changed(values, ObservableSettings, changes)
    assert matching(changed(values, ReferenceSettings, {}), observables, 5.0, shipped) is None


def test_every_summary_that_is_shipped_serves_a_shipped_configuration() -> None:
    """Or it would lie there for nothing."""
    figures = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    update_config(figures, yaml.safe_load((CONFIG.parent / "config/figures.yaml").read_text(encoding="utf-8")))
    systems = read_config(yaml.safe_load(CONFIG.read_text(encoding="utf-8"))).kept | read_config(figures).kept
    for record in (Path(__file__).parents[2] / "trajcast/shipped/md").glob(f"*/{RECORD}"):
        spacings_fs = read_record(record)["spacings_fs"]
        assert any(
            matching(system.reference, system.observables, spacing_fs) == record.parent
            for system in systems.values()
            for spacing_fs in spacings_fs
        ), record
        for spacing_fs in spacings_fs:
            assert read_results(record, spacing_fs)


def test_records_that_are_none_are_named(tmp_path: Path) -> None:
    path = tmp_path / RECORD
    with pytest.raises(UserError, match=r"reference.json: no such file"):
        read_record(path)
    for text, complaint in (
        ("{", "not valid JSON"),
        ("[]", "not a summary of reference MD"),
        ("{}", "not a TrajCast reference file"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=complaint):
            read_record(path)
