"""Every mistake in the configuration is named: where, what value, which rule, what to do."""

import copy
from pathlib import Path

import pytest
import yaml

from trajcast.config import configuration, validation
from trajcast.config import files as config_files
from trajcast.config import schema as config
from trajcast.config.settings import DatasetSettings, TrainingSettings
from trajcast.config.studies import LearningStudy
from trajcast.core.errors import UserError

LEARNING = {"samples": [100], "seeds": [1], "horizons_fs": [1.0]}
SHIPPED = Path(__file__).parents[2] / "config.yaml"


@pytest.fixture
def values():
    return yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))


def changed(values, path, value):
    """The configuration with one key of `systems.liquid` set (or, with `...`, removed)."""
    values = copy.deepcopy(values)
    *parents, key = path.split(".")
    section = values["systems"]["liquid"]
    for parent in parents:
        section = section[parent]
    if value is ...:
        del section[key]
    else:
        section[key] = value
    return values


def test_the_shipped_configuration_is_valid(values):
    liquid = configuration.read_config(values).systems["liquid"]
    for horizon in liquid.horizons_fs:
        assert liquid.dataset_at(horizon).horizon_fs == horizon


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("training.batchsize", 2, "systems.liquid.training.batchsize: unknown key (value 2); check its spelling"),
        ("reference.nve.runs", ..., "systems.liquid.reference.nve.runs: missing; add it"),
        ("training.learning_rate", "fast", "'fast' is wrong: input should be a valid number; YAML reads this as text"),
        ("training.learning_rate", -0.1, "training.learning_rate: -0.1 is wrong: input should be greater than 0"),
        ("training.learning_rate", float("nan"), "nan is wrong"),
        ("training.learning_rate", float("inf"), "inf is wrong: input should be a finite number"),
        ("training.learning_rate", True, "True is wrong: input should be a valid number"),
        ("training.batch_size", 2.5, "2.5 is wrong: input should be a valid integer"),
        ("training.batch_size", 0, "0 is wrong: input should be greater than 0"),
        ("training.dtype", "double", "'double' is wrong: input should be 'float32' or 'float64'"),
        ("training.network.l_max", 0, "training.network.l_max: 0 is wrong"),
        ("training.network.radial_mlp", 64, "64 is wrong: input should be a valid list"),
        ("training.displacement_weight", 1.5, "1.5 is wrong: input should be less than or equal to 1"),
        ("training", None, "systems.liquid.training: null is wrong"),
        (
            "training.initial",
            "water",
            "training.initial: 'water' is neither a shipped model (paracetamol-7fs, quartz-30fs,",
        ),
        (
            "training.initial",
            "water-5fs",
            "training.initial water-5fs: its network has channels 128, not 32; radial",
        ),
        ("training.multistep_fraction", 1.5, "1.5 is wrong: input should be less than or equal to 1"),
        (
            "training.multistep_fraction",
            0.3,
            "training.multistep_fraction 0.3 needs samples of two steps; set dataset.steps to 2, or",
        ),
        ("dataset.steps", 3, "3 is wrong"),
        ("reference.seed", 0, "systems.liquid.reference.seed: 0 is wrong"),
        ("reference.nve.runs", 4, "4 is wrong: input should be greater than or equal to 5"),
        ("reference.nve.interval_fs", 0.7, "nve.interval_fs 0.7 is not a multiple of timestep_fs 0.5"),
        ("reference.nvt.interval_fs", 0.75, "nvt.interval_fs 0.75 is not a multiple of timestep_fs 0.5"),
        ("horizons_fs", [1.0, 2.5], "horizons_fs 2.5 is not a multiple of reference.nve.interval_fs 1"),
        (
            "rollout.duration_ps",
            12.001,
            "runs.water-5fs.rollout.duration_ps in fs 12001 is not a multiple of the horizon 5",
        ),
        ("rollout.equilibration_ps", 2.001, "rollout.equilibration_ps in fs 2001 is not a multiple of the horizon 5"),
        ("horizons_fs", [0.5], "horizons_fs 0.5 is not a multiple of reference.nve.interval_fs 1"),
        ("horizons_fs", [1.0, 1.0], "horizons_fs [1.0, 1.0] contains 1 twice; remove one"),
        ("training.samples", 10**6, "training.samples 1000000 is more than dataset.samples.training"),
        ("dataset.seed", ..., "systems.liquid: dataset: seed: missing; add it"),
        ("dataset.cutoff_A", 4.0, "dataset: cutoff_A: is now training.network.cutoff_A: it belongs to the network"),
        ("dataset.accept", ["neighbors"], "dataset: accept.0: the check neighbors is made by training now; remove it"),
        ("forecast", {}, "systems.liquid.forecast: is now called rollout; rename it, or"),
        ("dataset.cutoff", 4.0, "systems.liquid: dataset: cutoff: unknown key"),
        ("dataset.horizon_fs", 2.0, "dataset.horizon_fs does not belong here"),
        ("rollout.supercell", [2, 2], "rollout.supercell"),
        ("rollout.guard.min_temperature_K", 700.0, "min_temperature_K 700 is not below max_temperature_K 600"),
        ("rollout_horizons_fs", [5.0], "rollout_horizons_fs: unknown key (value [5.0]); check its spelling"),
        ("pretrained", {5.0: "m.safetensors"}, "pretrained: unknown key"),
        (
            "studies.thermostat.tau_horizons",
            [10.0, 10.0000001],
            "tau_horizons [10.0, 10.0000001] contains 10 twice",
        ),
        (
            "reference.system",
            "liquids",
            "reference.system: 'liquids' is not known; choose one of: crystal, lammps_input",
        ),
        ("reference.engine", "gromacs", "reference.engine: 'gromacs' is not known; choose one of: lammps"),
        ("rollout.thermostat", "nose", "rollout.thermostat: 'nose' is not known; choose one of: csvr, csvr_elements"),
        ("rollout.thermostat", "__init__", "rollout.thermostat: '__init__' is not known"),
        ("rollout.thermostat", None, "studies.thermostat needs a thermostat, but rollout.thermostat is null; set"),
        ("rollout.final_temperature_K", 180.0, "final_temperature_K 180 does not belong here"),
        ("studies.cooling.final_temperature_K", 300.0, "300 equals reference.temperature_K, where the ramp begins"),
        ("studies", {"lerning": {}}, "studies.lerning: unknown key"),
        ("studies", {"speed": {"supercells": [[1, 1]]}}, "studies.speed.supercells.0: [1, 1] is wrong"),
        (
            "studies",
            {"same_start": {"horizons_fs": [5.0], "duration_fs": 7.0}},
            "same_start.duration_fs 7 is not a mult",
        ),
        (
            "studies",
            {"same_start": {"horizons_fs": [5.0], "duration_fs": 8005.0}},
            "same_start.duration_fs 8005 is longer than the NVE runs, reference.nve.duration_ps 8; change",
        ),
        ("studies", {"learning": LEARNING | {"seeds": [1, 1]}}, "studies.learning: seeds [1, 1] contains 1 twice"),
        ("studies", {"learning": LEARNING | {"seeds": []}}, "studies.learning.seeds: [] is wrong"),
        ("studies", {"learning": LEARNING | {"samples": [10**6]}}, "studies.learning.samples 1000000 is more than"),
        (
            "studies",
            {"learning": LEARNING | {"horizons_fs": [3.0]}},
            "studies.learning.horizons_fs has 3, but horizons_fs and",
        ),
        ("observables.msd_fit_from_ps", 999.0, "msd_fit_from_ps 999 is not below msd_fit_to_ps"),
        ("observables.msd_fit_from_ps", ..., "give both msd_fit_from_ps and msd_fit_to_ps, or neither"),
        ("reference.nve.start_window_percent", 0.1, "give exactly one of start_window_K (of the temperature)"),
    ],
)
def test_mistakes_are_named(values, path, value, message):
    with pytest.raises(UserError) as caught:
        configuration.read_config(changed(values, path, value))
    assert str(caught.value).startswith("config.yaml: systems.liquid")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_cooling_needs_a_thermostat(values):
    cooling = changed(values, "studies", {"cooling": values["systems"]["liquid"]["studies"]["cooling"]})
    with pytest.raises(UserError, match=r"studies.cooling needs a thermostat, but rollout.thermostat is null; set"):
        configuration.read_config(changed(cooling, "rollout.thermostat", None))


def test_seeds_that_differ_in_the_last_of_many_digits_are_two():
    seeds = [2_000_000_000, 2_000_000_001]
    assert LearningStudy(samples=[1], seeds=seeds, horizons_fs=[1.0]).seeds == seeds


def test_the_published_figures_keep_their_folder(values):
    with pytest.raises(UserError, match=r"no system can be called paper: results/paper holds .*; rename it") as caught:
        configuration.read_config({"systems": {"paper": values["systems"]["liquid"]}})
    assert "\n" not in str(caught.value)


def test_all_mistakes_are_named_at_once(values):
    broken = changed(changed(values, "training.lr", 0.1), "training.seed", "one")
    with pytest.raises(UserError, match=r"training.seed: 'one' is wrong.*training.lr: unknown key"):
        configuration.read_config(broken)


@pytest.mark.parametrize("nothing", [None, [], {}, {"systems": {}}, {"systems": None}])
def test_an_empty_configuration(nothing):
    with pytest.raises(UserError, match=r"config.yaml: (\(whole section\)|systems)"):
        configuration.read_config(nothing)


@pytest.mark.parametrize("name", ["two words", "../liquid", "$(date)", "-x", ""])
def test_names_of_systems_go_into_paths(values, name):
    with pytest.raises(UserError, match="should match pattern"):
        configuration.read_config({"systems": {name: values["systems"]["liquid"]}})


def test_whole_numbers_are_real_numbers_too(values):
    system = configuration.read_config(changed(values, "rollout.duration_ps", 20)).systems["liquid"]
    assert system.rollout.duration_ps == 20


def test_settings_are_frozen(values):
    system = configuration.read_config(values).systems["liquid"]
    with pytest.raises(AttributeError, match="cannot assign"):
        system.training.seed = 2
    with pytest.raises(ValueError, match="frozen"):
        system.observables.blocks = 2


def test_settings_file(tmp_path):
    path = tmp_path / "dataset.yaml"
    path.write_text("horizon_fs: 1.0\nsamples: {training: 3, validation: 1, test: 1}\nseed: 1\n")
    assert validation.read_settings(DatasetSettings, path).samples.training == 3
    path.write_text("horizon_fs: 1e-3\nsamples: {training: 3, validation: 1, test: 1}\nseed: 1\n")
    assert validation.read_settings(DatasetSettings, path).horizon_fs == 0.001
    path.write_text("")
    with pytest.raises(UserError, match=r"dataset.yaml: \(whole section\): null is wrong"):
        validation.read_settings(DatasetSettings, path)


@pytest.mark.parametrize("text", ["a: [1, 2", "a: b: c", "!!python/object/apply:os.system ['true']"])
def test_yaml_that_cannot_be_read(tmp_path, text):
    (tmp_path / "broken.yaml").write_text(text)
    with pytest.raises(UserError, match=r"broken.yaml: not valid YAML: .+") as caught:
        config_files.read_yaml(tmp_path / "broken.yaml")
    assert "\n" not in str(caught.value)


def test_yaml_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(UserError, match=r"none.yaml: no such file"):
        config_files.read_yaml(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\x89HDF\xff\xfe")
    with pytest.raises(UserError, match="not valid YAML"):
        config_files.read_yaml(tmp_path / "binary.yaml")


@pytest.mark.parametrize("text", ["", "- systems", "systems"])
def test_yaml_without_keys(tmp_path, text):
    (tmp_path / "list.yaml").write_text(text)
    with pytest.raises(
        UserError, match=r"list.yaml: holds (no mapping of keys to values|nothing); begin it with `systems:`"
    ):
        config_files.read_mapping(tmp_path / "list.yaml")


def test_the_order_of_keys_does_not_matter(values):
    section = values["systems"]["liquid"]["training"]
    turned = dict(reversed(section.items()))
    assert list(turned) != list(section)
    first, second = (
        validation.section_json(config.validate(TrainingSettings, v, "training")) for v in (section, turned)
    )
    assert first == second


@pytest.mark.parametrize(("value", "unit", "count"), [(0.3, 0.1, 3), (5.0, 0.5, 10), (7.0, 1.0, 7), (2.0, 1 / 3, 6)])
def test_whole_multiple_is_rounded_never_truncated(value, unit, count):
    assert config.whole_multiple(value, unit, "a", "b") == count


@pytest.mark.parametrize(("value", "unit"), [(0.25, 0.1), (0.5, 1.0), (2.5, 1.0), (1.00001, 1.0)])
def test_whole_multiple_refuses_the_rest(value, unit):
    with pytest.raises(ValueError, match=r"a .* is not a multiple of b .*; change one of the two"):
        config.whole_multiple(value, unit, "a", "b")
