"""config.yaml, overlays and settings of single stages: what YAML, types, ranges and the sections' agreement refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from case import refused, right
from ruamel.yaml import YAML
from world import SETTINGS, World, run, write_h5md

from trajcast.config.files import Layers, read_mapping
from trajcast.pipeline.plan import Plan

KIND = "configuration"
SHIPPED = Path(__file__).parents[2] / "config.yaml"


def plan(w: World, text: str, overlay: str | None = None) -> list[str]:
    """`trajcast plan`, which reads the whole configuration before it asks Snakemake anything."""
    w.text("config.yaml", text)
    if overlay is None:
        return ["plan"]
    w.text("mine.yaml", overlay)
    return ["plan", "--configfile", "mine.yaml"]


def values() -> dict[str, Any]:
    return read_mapping(SHIPPED)


def text_of(changed: Any) -> str:
    import io

    out = io.StringIO()
    YAML(typ="safe", pure=True).dump(changed, out)
    return out.getvalue()


def reads(w: World, names: list[str], check: Callable[[Plan], bool]) -> list[str]:
    """A command that succeeds, and then this configuration must be as `check` says."""

    def checked() -> None:
        assert check(Plan(Layers([(name, read_mapping(w.path(name))) for name in names])))

    w.check = checked
    return ["models"]


@right(KIND, "the shipped one")
def _(w: World) -> list[str]:
    w.text("config.yaml", SHIPPED.read_text(encoding="utf-8"))
    return reads(w, ["config.yaml"], lambda plan: "liquid" in plan.systems)


for name in ("NO", "on", "y", "1e3", "0x10", "null_", "123"):

    @right(KIND, f"a system called {name}")
    def _(w: World, name: str = name) -> list[str]:
        w.text(
            "config.yaml",
            text_of({"systems": {}} | {"systems": {name: values()["systems"]["liquid"]}}).replace("'", ""),
        )
        if name in ("1e3", "0x10", "123"):  # numbers in YAML, until they are quoted
            w.text(
                "config.yaml",
                text_of({"systems": {"liquid": values()["systems"]["liquid"]}}).replace("  liquid:", f"  '{name}':", 1),
            )
        return reads(w, ["config.yaml"], lambda plan: plan.systems == [name])


@right(KIND, "1e-3, a number in YAML 1.2")
def _(w: World) -> list[str]:
    w.text("config.yaml", SHIPPED.read_text(encoding="utf-8"))
    w.text("mine.yaml", "systems: {liquid: {training: {learning_rate: 1e-3}}}\n")
    return reads(w, ["config.yaml", "mine.yaml"], lambda plan: plan.system("liquid").training.learning_rate == 0.001)


@right(KIND, "anchors and merge keys")
def _(w: World) -> list[str]:
    w.text("config.yaml", SHIPPED.read_text(encoding="utf-8"))
    w.text(
        "mine.yaml",
        "x: &x {seed: 7}\nsystems: {liquid: {training: {<<: *x}}}\n".replace("x: &x {seed: 7}\n", "").replace(
            "{<<: *x}", "{<<: {seed: 7}}"
        ),
    )
    return reads(w, ["config.yaml", "mine.yaml"], lambda plan: plan.system("liquid").training.seed == 7)


def overlay(what: str, text: str, *parts: str) -> None:
    """The shipped configuration with this laid over it."""

    @refused(KIND, what, *parts)
    def _(w: World) -> list[str]:
        return plan(w, SHIPPED.read_text(encoding="utf-8"), text)


def liquid(what: str, changes: str, *parts: str) -> None:
    overlay(what, f"systems: {{liquid: {{{changes}}}}}\n", *parts)


# ---- YAML
overlay(
    "a key twice",
    "systems:\n  liquid: {}\n  liquid: {}\n",
    "mine.yaml: line 3: the key liquid appears twice",
)
overlay(
    "a key twice within a section",
    "systems:\n  liquid:\n    training:\n      seed: 1\n      samples: 10\n      seed: 2\n",
    "mine.yaml: line 6: the key seed appears twice",
)
liquid(
    "8:30, which YAML 1.1 takes for 510",
    "training: {budget_minutes: 8:30}",
    "mine.yaml: ",
    "'8:30' is wrong",
    "a plain number",
)
liquid("yes in place of true", "training: {tf32: yes}", "'yes' is wrong")
liquid("a date", "training: {seed: 2026-11-27}", "training.seed", "is wrong")
overlay("a tab for a blank", "systems:\n\tliquid: {}\n", "mine.yaml: not valid YAML")
overlay("a bracket that is not closed", "systems: {liquid: {\n", "mine.yaml: not valid YAML")
overlay("code", "systems: !!python/object/apply:os.system ['true']\n", "mine.yaml: not valid YAML")
overlay("a list", "- liquid\n", "mine.yaml: holds no mapping of keys to values")
overlay("nothing", "", "mine.yaml: holds nothing")
overlay("two documents", "systems: {}\n---\nsystems: {}\n", "mine.yaml: not valid YAML")
overlay("a mapping within itself", "systems: &a {liquid: *a}\n", "mine.yaml: ")
overlay("a list for a key", "systems: {? [1, 2] : 3}\n", "mine.yaml: ")


@refused(KIND, "Latin-1", "mine.yaml: not valid YAML", "save it as UTF-8")
def _(w: World) -> list[str]:
    command = plan(w, SHIPPED.read_text(encoding="utf-8"), "")
    w.path("mine.yaml").write_bytes("# für\nsystems: {}\n".encode("latin-1"))
    return command


@refused(KIND, "an overlay that is not there", "none.yaml: no such file")
def _(w: World) -> list[str]:
    return [*plan(w, SHIPPED.read_text(encoding="utf-8")), "--configfile", "none.yaml"]


@refused(KIND, "no config.yaml", "config.yaml: no such file")
def _(w: World) -> list[str]:
    return ["plan"]


# ---- keys, types, ranges; the file that is at fault is named
liquid(
    "an unknown key", "training: {learning_rat: 0.1}", "mine.yaml: systems.liquid.training.learning_rat: unknown key"
)
liquid("a key in the wrong section", "box_A: 12.4", "mine.yaml: systems.liquid.box_A: unknown key")
liquid(
    "a key that moved to another section",
    "dataset: {cutoff_A: 5.0}",
    "mine.yaml: systems.liquid",
    "cutoff_A: is now training.network.cutoff_A",
)
liquid("a count that is a fraction", "training: {samples: 10.5}", "training.samples: 10.5 is wrong")
liquid("a number that is text", 'training: {learning_rate: "0.1"}', "'0.1' is wrong", "write a plain number")
liquid("a time with its unit", "reference: {timestep_fs: 0.5 fs}", "'0.5 fs' is wrong", "write a plain number")
liquid("a negative time step", "reference: {timestep_fs: -0.5}", "timestep_fs: -0.5 is wrong", "greater than 0")
liquid("a time step of zero", "reference: {timestep_fs: 0}", "timestep_fs: 0 is wrong")
liquid("a temperature that is nan", "reference: {temperature_K: .nan}", "temperature_K", "finite")
liquid("a temperature that is infinite", "reference: {temperature_K: .inf}", "temperature_K", "finite")
liquid("a seed of zero", "training: {seed: 0}", "training.seed: 0 is wrong")
liquid("a seed beyond 2³¹", "reference: {seed: 3000000000}", "reference.seed", "is wrong")
liquid("a list in place of a number", "reference: {seed: [1]}", "reference.seed: [1] is wrong")
liquid(
    "null in place of a number", "reference: {seed: null}", "mine.yaml: systems.liquid.reference.seed: null is wrong"
)
liquid(
    "too few NVE runs", "reference: {nve: {runs: 3}}", "reference.nve.runs: 3 is wrong", "greater than or equal to 5"
)
liquid("a share above one", "training: {displacement_weight: 1.5}", "displacement_weight: 1.5 is wrong")
liquid("a precision that is none", "training: {dtype: float16}", "dtype: 'float16' is wrong")
liquid("a check that is none", "dataset: {accept: [everything]}", "accept", "'everything' is wrong")
liquid("a system that is none", "reference: {system: liqid}", "'liqid' is not known; choose one of")
liquid("an engine that is none", "reference: {engine: gromacs}", "'gromacs' is not known; choose one of")
liquid("a potential that is none", "reference: {potential: mace-mp-9}", "mace-mp-9")
liquid("an optimizer that is none", "training: {optimizer: sgd}", "'sgd' is not known; choose one of")
liquid("a thermostat that is none", "rollout: {thermostat: berendsen}", "'berendsen' is not known; choose one of")
overlay("a system called paper", "systems: {paper: null}\n", "no system can be called paper")
overlay("a system with a blank in its name", 'systems: {"my water": null}\n', "my water")
overlay("a system without its sections", "systems: {mine: {}}\n", "systems.mine.reference: missing; add it")
overlay("an unknown section", "system: {}\n", "mine.yaml: system: unknown key")

# ---- sections that do not agree
liquid("a horizon that no frames allow", "horizons_fs: [5.3]", "5.3 is not a multiple of")
liquid("the same horizon twice", "horizons_fs: [5.0, 5]", "contains 5 twice")
liquid("more samples than there are pairs", "training: {samples: 100000000}", "is more than dataset.samples.training")
liquid("a horizon in the data set", "dataset: {horizon_fs: 5.0}", "does not belong here")
liquid("an interval below the time step", "reference: {nve: {interval_fs: 0.3}}", "is not a multiple of")
liquid(
    "own steps without a second step",
    "training: {multistep_fraction: 0.5, stream: null}, dataset: {steps: 1}",
    "set dataset.steps to 2",
)
liquid("TF32 in double precision", "training: {tf32: true, dtype: float64}", "set dtype to float32")
liquid(
    "both windows of starts",
    "reference: {nve: {start_window_K: 5.0, start_window_percent: 1.0}}",
    "give exactly one of start_window_K",
)
liquid("one end of the MSD's fit", "observables: {msd_fit_from_ps: 1.0, msd_fit_to_ps: null}", "give both")
liquid(
    "an MSD's fit that ends before it begins", "observables: {msd_fit_from_ps: 9.0, msd_fit_to_ps: 1.0}", "is not below"
)
liquid("three dihedrals", "observables: {dihedrals: {a: [0, 1, 2, 3], b: [0, 1, 2, 4], c: [0, 1, 2, 5]}}", "name two")
liquid("a run of a model that is none", "runs: {x: {model: water-9fs}}", "water-9fs")
liquid(
    "a run at another horizon than its model's",
    "runs: {x: {model: water-5fs, horizon_fs: 7.0}}",
    "is not that of water-5fs, 5",
)
liquid("a ramp for a rollout that is judged", "rollout: {final_temperature_K: 200.0}", "does not belong here")
liquid(
    "a study without a thermostat",
    "rollout: {thermostat: null}, studies: {thermostat: {tau_horizons: [10.0], seeds: [1], steps: 10}}",
    "needs a thermostat",
)

# ---- settings of one stage
DATASET = dict(SETTINGS)


def settings(what: str, changes: dict[str, Any], *parts: str) -> None:
    @refused("settings of a data set", what, *parts)
    def _(w: World) -> list[str]:
        command = w.dataset(write_h5md(w.path("run.h5md"), run()))
        w.yaml("dataset.yaml", {k: v for k, v in (DATASET | changes).items() if v is not ...})
        return command


settings("no horizon", {"horizon_fs": ...}, "dataset.yaml: horizon_fs: missing; add it")
settings("no samples for the test", {"samples": {"training": 3, "validation": 1}}, "samples.test: missing; add it")
settings("no pairs", {"samples": {"training": 0, "validation": 1, "test": 1}}, "samples.training: 0 is wrong")
settings("a horizon below the interval", {"horizon_fs": 0.5}, "0.5 is not a multiple of the frame interval")
settings("a horizon longer than the run", {"horizon_fs": 400.0}, "lower horizon_fs, or give longer trajectories")
settings("a key of 0.1.0", {"cutoff_A": 5.0}, "cutoff_A: is now training.network.cutoff_A", "config upgrade")
settings(
    "a check of 0.1.0",
    {"accept": ["neighbors"]},
    "dataset.yaml: accept.0: the check neighbors is made by training now; remove it from accept",
    "config upgrade",
)
settings("three steps", {"steps": 3}, "steps: 3 is wrong")
