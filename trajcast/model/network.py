"""The network: maps positions and velocities at t to displacements and velocities at t + horizon.

Thiemann et al. 2025, arXiv:2503.23794; sizes and conventions are in docs/conventions.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from trajcast.config.settings import NetworkSettings
from trajcast.core.errors import UserError
from trajcast.core.mechanics import angular_momentum, isolated, momentum, set_angular_momentum, set_momentum
from trajcast.core.neighbors.neighbor_list import Neighbors
from trajcast.core.state import State, system_sum
from trajcast.model import ops
from trajcast.model.embedding import BesselBasis, SpeedBasis, directions
from trajcast.model.interaction import Interaction
from trajcast.model.linear import EquivariantLinear
from trajcast.model.ops import Sizes
from trajcast.model.paths import Parities, split_parities
from trajcast.model.splines import Grid
from trajcast.model.totals import Totals, with_totals

if TYPE_CHECKING:
    from jaxtyping import Float, Int

ELEMENTS = 118
MASS_TOLERANCE = 0.01  # relative: tables and force fields differ by less (H of 1.0 u), isotopes by more


@dataclass(frozen=True, kw_only=True)
class Scales:
    """Scales and constants determined from the training data."""

    horizon_fs: float  # NaN if unknown (imported models)
    cutoff: float  # Å
    species: tuple[int, ...]  # atomic numbers, ascending
    average_neighbors: float
    speed_max: float  # Å/fs, upper end of the speed basis
    outputs: tuple[tuple[float, float], ...]  # per element: output scales in Å and Å/fs
    baseline: tuple[tuple[float, float], ...]  # per element: displacement (fs) and new velocity (1) per velocity
    totals: Totals | None = None  # conservation laws of an imported model; None otherwise


@dataclass(frozen=True, slots=True)
class Prediction:
    """Displacements from t to t + horizon, and velocities at t + horizon."""

    displacement: Float[Tensor, "atoms 3"]  # Å
    velocity: Float[Tensor, "atoms 3"]  # Å/fs


@dataclass(frozen=True, slots=True)
class CachedConstants:
    """Model inputs that do not change as atoms move; building them synchronises with the GPU, using them does not."""

    species: Int[Tensor, " atoms"]  # index of each atom's element in the model
    elements: Any  # from the backend's `elements`
    conserve_angular_momentum: bool  # True if any system is isolated


class TrajCast(nn.Module):
    """Equivariant message passing over neighbours, conditioned on velocities, with exact momentum conservation.

    Weights are drawn from `rng`. The network computes in the dtype of its weights, the final step in that of the state.
    """

    lookup: Tensor
    outputs: Tensor
    baseline: Tensor

    def __init__(self, settings: NetworkSettings, scales: Scales, rng: torch.Generator):
        super().__init__()
        self.settings, self.scales = settings, scales
        self.masses: tuple[float, ...] | None = None  # u, per species in the training data; None if unknown
        self.backend: str | None = None  # name in `ops`; None selects the best one for the device
        self.grid: Grid | None = None  # for radial functions if pairs are many; None: evaluate at every pair
        self.speed_grid: Grid | None = None  # for speeds, per element; only in models prepared for rollouts
        n_species, l_max, channels = len(scales.species), settings.l_max, settings.channels
        self.bessel: nn.Module = BesselBasis(settings.radial_basis, scales.cutoff, settings.polynomial_cutoff)
        self.speed = SpeedBasis(settings.speed_basis, n_species, scales.speed_max, rng)
        first: Parities = tuple(((-1) ** l,) for l in range(l_max + 1))
        entering = {(l, (-1) ** l): n_species + settings.speed_basis if l == 0 else 1 for l in range(l_max + 1)}
        self.embed = EquivariantLinear(entering, dict.fromkeys(entering, channels), rng)
        self.layers = nn.ModuleList()
        parities = first
        for _ in range(settings.layers):
            layer = Interaction(settings, parities, n_species, scales.average_neighbors, rng)
            self.layers.append(layer)
            parities = layer.parities_out
        self.parities_last = parities
        narrow = max(1, channels // 4)  # 16 of 64 in the paper
        self.compress = EquivariantLinear({(1, -1): channels}, {(1, -1): narrow}, rng)
        self.readout = EquivariantLinear({(1, -1): narrow}, {(1, -1): 2}, rng)
        lookup = torch.full((ELEMENTS + 1,), -1)
        lookup[list(scales.species)] = torch.arange(n_species)
        self.register_buffer("lookup", lookup, persistent=False)
        for name in ("outputs", "baseline"):
            table = torch.tensor(getattr(scales, name), dtype=torch.float64)
            self.register_buffer(name, table, persistent=False)

    @property
    def dtype(self) -> torch.dtype:
        return self.speed.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.outputs.device

    @property
    def ops(self) -> ModuleType:
        """The backend in use."""
        sizes = Sizes(self.settings.channels, self.settings.l_max, max(1, round(self.scales.average_neighbors)))
        return ops.choose(self.device, self.dtype, self.backend, sizes)

    def species_index(self, numbers: Int[Tensor, " atoms"]) -> Int[Tensor, " atoms"]:
        """Index of each atom's element in the model.

        Raises:
            UserError: The model was not trained on an element.
        """
        index = self.lookup[numbers]
        if (index < 0).any():
            unknown = sorted(set(numbers[index < 0].tolist()))
            raise UserError(
                f"the model knows {symbols(self.scales.species)}, not {symbols(unknown)}; "
                "train a model on data with these elements"
            )
        return index

    def _check_masses(self, state: State, species: Int[Tensor, " atoms"]) -> None:
        if self.masses is None:
            return
        expected = state.masses.new_tensor(self.masses)[species]
        differs = (state.masses - expected).abs() > MASS_TOLERANCE * expected
        if differs.any():
            atom = int(differs.nonzero()[0])
            raise UserError(
                f"the model was trained with {symbols([int(state.numbers[atom])])} of {float(expected[atom]):g} u, "
                f"atom {atom} has {float(state.masses[atom]):g} u; predictions hold for the training masses only: "
                "train a model on data with these masses"
            )

    def constants(self, state: State) -> CachedConstants:
        """Inputs shared by all states of the systems in `state`.

        Raises:
            UserError: An element is unknown to the model, or a mass differs from that in the training data.
        """
        species = self.species_index(state.numbers)
        self._check_masses(state, species)
        return CachedConstants(
            species=species,
            elements=self.ops.elements(species, len(self.scales.species)),
            conserve_angular_momentum=bool(isolated(state).any()),
        )

    def forward(self, state: State, neighbors: Neighbors, constants: CachedConstants | None = None) -> Prediction:
        """Predict the step that follows `state`.

        Conserves momentum to rounding, and angular momentum of systems without periodic directions; the centre of mass
        moves by its velocity times the horizon. Imported models follow `scales.totals` instead.

        Args:
            neighbors: Neighbours within `scales.cutoff`.
            constants: Result of `self.constants(state)`; None computes it.
        """
        constants = constants or self.constants(state)
        species = constants.species
        raw = self._network(state.velocities, constants, neighbors).to(state.positions)
        baseline, outputs = (x[species].to(state.positions)[:, :, None] for x in (self.baseline, self.outputs))
        step = baseline * state.velocities[:, None] + outputs * raw
        if self.scales.totals is not None:
            return Prediction(*with_totals(state, step[:, 0], step[:, 1], self.scales.totals))
        return conserving(
            state,
            step[:, 0],
            step[:, 1],
            self.scales.horizon_fs,
            conserve_angular_momentum=constants.conserve_angular_momentum,
        )

    def _network(
        self, velocities: Float[Tensor, "atoms 3"], constants: CachedConstants, neighbors: Neighbors
    ) -> Float[Tensor, "atoms 2 3"]:
        l_max = self.settings.l_max
        one_hot = nn.functional.one_hot(constants.species, len(self.scales.species)).to(self.dtype)
        v, r = velocities.to(self.dtype), neighbors.vectors.to(self.dtype)
        radial_basis = self._radial_basis(_lengths(neighbors, r))
        speed = torch.linalg.vector_norm(v, dim=-1)
        speed_basis = self.speed(speed, one_hot)
        speeds = speed_basis if self.speed_grid is None else self.speed_grid.place(speed, constants.species)
        velocity_directions, edge_directions = directions(torch.cat([v, r]), l_max).split([len(v), len(r)])
        by_l = velocity_directions.split([2 * l + 1 for l in range(l_max + 1)], dim=1)
        entering = {(l, (-1) ** l): y[:, :, None] for l, y in enumerate(by_l)}
        entering[0, 1] = torch.cat([one_hot, speed_basis], dim=1)[:, None]
        backend = self.ops
        features = self.embed(backend, entering)
        edges = backend.edges(neighbors, edge_directions)
        for layer in self.layers:
            features = layer(backend, features, constants.elements, edges, radial_basis, speeds, velocity_directions)
        vectors = {(1, -1): split_parities(features, self.parities_last)[1, -1]}
        narrow = {(1, -1): self.compress(backend, vectors)[1]}
        return self.readout(backend, narrow)[1].transpose(1, 2)

    def _radial_basis(self, lengths: Float[Tensor, " pairs"]) -> Any:
        if self.grid is None or self.grid.is_finer_than(lengths):
            return self.bessel(lengths)
        return self.grid.sampled(self.bessel, lengths)


def _lengths(neighbors: Neighbors, vectors: Float[Tensor, "edges 3"]) -> Float[Tensor, " pairs"]:
    """Length of each pair, or of each edge if pairs are not numbered."""
    lengths = torch.linalg.vector_norm(vectors, dim=-1)
    if neighbors.pair is None:
        return lengths
    return lengths.new_full((neighbors.pairs,), neighbors.cutoff).scatter_(0, neighbors.pair, lengths)


def conserving(
    state: State, displacement: Tensor, velocity: Tensor, horizon_fs: float, *, conserve_angular_momentum: bool
) -> Prediction:
    """The step corrected to conserve momentum and, if requested, the angular momentum of isolated systems."""
    mass_B = system_sum(state.masses, state)[:, None]
    momentum_BX = momentum(state)
    wanted_BX = horizon_fs * momentum_BX / mass_B
    moved_BX = system_sum(state.masses[:, None] * displacement, state) / mass_B
    displacement = displacement + (wanted_BX - moved_BX)[state.system_idx]
    after = replace(state, positions=state.positions + displacement, velocities=velocity)
    after = set_momentum(after, momentum_BX)
    if conserve_angular_momentum:
        after = set_angular_momentum(after, angular_momentum(state))
    return Prediction(displacement=displacement, velocity=after.velocities)


def symbols(species: Sequence[int]) -> str:
    """Chemical symbols of atomic numbers, comma-separated for messages."""
    try:
        from ase.data import chemical_symbols
    except ImportError:
        return "atomic numbers " + ", ".join(map(str, species))
    return ", ".join(chemical_symbols[n] for n in species)
