"""Imports checkpoints of IBM's trajcast 1.x (Thiemann et al. 2025, arXiv:2503.23794).

Both networks compute the same function, but store weights in different orders. The checkpoints follow e3nn: one vector
per layer, sorted by irrep with odd before even. The order of their elements is the user's choice.
"""

from __future__ import annotations

import math
import pickle
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import torch
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from torch import Tensor, nn

from trajcast.config.files import read_yaml
from trajcast.config.settings import Count, NetworkSettings, Positive
from trajcast.config.validation import validate
from trajcast.core.errors import UserError
from trajcast.model.embedding import BesselBasis, RadialNet
from trajcast.model.interaction import Interaction
from trajcast.model.linear import PathWeights
from trajcast.model.network import Scales, TrajCast
from trajcast.model.paths import Irrep, Output, ProductShape
from trajcast.model.totals import Totals

if TYPE_CHECKING:
    from jaxtyping import Int


class _Section(BaseModel):
    """Section of the configuration; ignores keys that do not affect the architecture."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class _Mlp(_Section):
    n_neurons: Annotated[list[Count], Field(min_length=1)]
    activation: Literal["silu"]


class _Scalars(_Section):
    e: Literal["silu"]
    o: Literal["tanh"]


class _Gates(_Section):
    e: Literal["silu"]


class _Gate(_Section):
    activation_scalars: _Scalars
    activation_gates: _Gates


def _three_or_none(values: list[float]) -> list[float]:
    if len(values) not in (0, 3):
        raise ValueError(f"{values} is wrong: give three numbers, or an empty list to keep the system's value")
    return values


Vector = Annotated[list[float], AfterValidator(_three_or_none)]


class Configuration(_Section):
    """Network settings in the YAML file of a released model; units Å, Å/fs, u."""

    num_chem_elements: Count
    edge_cutoff: Positive
    num_edge_rbf: Count
    num_edge_poly_cutoff: Count
    vel_max: Positive
    num_vel_rbf: Count
    max_rotation_order: Annotated[int, Field(ge=1, le=11)]  # limit of e3nn's coefficients
    num_hidden_channels: Annotated[int, Field(ge=4)]  # the read-out uses a quarter of them
    num_mp_layers: Count
    edge_mlp_kwargs: _Mlp
    vel_mlp_kwargs: _Mlp
    nl_gate_kwargs: _Gate
    conserve_ang_mom: bool
    net_lin_mom: Vector | None = None
    net_ang_mom: Vector | None = None
    o3_backend: Literal["e3nn"]  # other backends order weights differently


def read_configuration(path: Path | str) -> Configuration:
    """Read the configuration in a YAML file.

    Raises:
        UserError: A key is missing or has a value that cannot be imported; the message names all of them.
    """
    return validate(Configuration, read_yaml(path), str(path))


def atomic_numbers(symbols: Sequence[str]) -> list[int]:
    """Atomic numbers of chemical symbols.

    Raises:
        UserError: A symbol is not that of an element.
    """
    from ase.data import atomic_numbers as numbers

    for symbol in symbols:
        if not numbers.get(symbol):
            raise UserError(
                f"--elements: {symbol!r} is not an element; give comma-separated chemical symbols, such as H,O"
            )
    return [numbers[symbol] for symbol in symbols]


def import_model(
    weights: Path | str, config: Configuration, species: Sequence[int], horizon_fs: float | None = None
) -> TrajCast:
    """Import the model in a checkpoint, in the precision of its weights.

    Args:
        species: Atomic numbers in the order of the checkpoint's element types.
        horizon_fs: None if unknown.

    Raises:
        UserError: The file is damaged, is not a checkpoint of trajcast 1.x, or does not match `config` or `species`.
    """
    if len(species) != config.num_chem_elements or len(set(species)) != len(species):
        raise UserError(
            f"the model distinguishes {config.num_chem_elements} elements (num_chem_elements), but {len(species)} were "
            f"given ({len(set(species))} distinct); give each of its elements once, in the order of its types"
        )
    checkpoint = _Checkpoint(weights)
    order = torch.tensor(species).argsort()
    displacement_rms, velocity_rms = checkpoint.take("rms_targets", 2).tolist()
    scales = Scales(
        horizon_fs=math.nan if horizon_fs is None else horizon_fs,
        cutoff=config.edge_cutoff,
        species=tuple(sorted(species)),
        average_neighbors=float(checkpoint.take("avg_num_neighbors")),
        speed_max=config.vel_max,
        outputs=((displacement_rms, velocity_rms),) * len(species),
        baseline=((0.0, 0.0),) * len(species),
        totals=Totals(
            momentum=tuple(config.net_lin_mom) if config.net_lin_mom else None,
            conserve_angular_momentum=config.conserve_ang_mom,
            angular_momentum=tuple(config.net_ang_mom) if config.net_ang_mom else None,
        ),
    )
    network = NetworkSettings(
        cutoff_A=scales.cutoff,
        channels=config.num_hidden_channels,
        l_max=config.max_rotation_order,
        layers=config.num_mp_layers,
        radial_basis=config.num_edge_rbf,
        polynomial_cutoff=config.num_edge_poly_cutoff,
        speed_basis=config.num_vel_rbf,
        radial_mlp=config.edge_mlp_kwargs.n_neurons,
        speed_mlp=config.vel_mlp_kwargs.n_neurons,
    )
    model = TrajCast(network, scales, torch.Generator().manual_seed(0)).to(checkpoint.dtype)
    with torch.no_grad():
        _fill(model, checkpoint, order)
    checkpoint.check_used()
    return model.requires_grad_(False)


class _Checkpoint:
    """The tensors of a checkpoint, with a record of those already used."""

    def __init__(self, path: Path | str):
        self.path, self.used = path, set[str]()
        self.tensors = _read(path)
        self.dtype = self._tensor("_int_out.LinearInit.linear.weight").dtype
        if self.dtype not in (torch.float32, torch.float64):
            raise UserError(f"{path}: its weights are {self.dtype}; only float32 and float64 can be imported")

    def take(self, name: str, *shape: int) -> Tensor:
        """The tensor `name`, reshaped to the shape that the configuration implies."""
        tensor = self._tensor(name)
        if tensor.numel() != math.prod(shape) or (tensor.ndim > 1 and tensor.shape != shape):
            raise UserError(
                f"{self.path}: {name} has shape {tuple(tensor.shape)}, the configuration requires {shape}; "
                "give the configuration and elements that match these weights"
            )
        if not torch.isfinite(tensor).all():
            raise UserError(f"{self.path}: {name} has values that are not finite; the file is damaged")
        self.used.add(name)
        return tensor.reshape(shape)

    def _tensor(self, name: str) -> Tensor:
        if name not in self.tensors:
            raise UserError(
                f"{self.path}: no tensor {name}; the file is not a checkpoint of trajcast 1.x's "
                "EfficientTrajCastModel, or has fewer layers than the configuration"
            )
        return self.tensors[name]

    def check_used(self) -> None:
        """Raise UserError if weights were not used, since the architecture then differs."""
        kinds = (".weight", ".bias", "bessel_roots")
        unused = [n for n, x in self.tensors.items() if n.endswith(kinds) and x.numel() and n not in self.used]
        if unused:
            raise UserError(
                f"{self.path}: the configuration does not use {unused[0]} and {len(unused) - 1} more; "
                "give the configuration that matches these weights"
            )


def _read(path: Path | str) -> dict[str, Tensor]:
    """Read the tensors in a file without executing any code it may contain."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about unusual pickles; the content is checked below
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except pickle.UnpicklingError:
        raise UserError(
            f"{path}: contains code or objects other than weights, or was not written by torch.save; "
            "nothing was executed"
        ) from None
    except Exception as error:  # torch's parsers raise many types of exceptions
        reason = " ".join([type(error).__name__, *str(error).splitlines()[:1]])
        raise UserError(f"{path}: damaged, or not written by torch.save ({reason})") from None
    if not isinstance(content, dict) or not all(isinstance(x, Tensor) for x in content.values()):
        raise UserError(f"{path}: does not hold a dictionary of tensors; give the state_dict_e3nn.pt of a model")
    return content


def _fill(model: TrajCast, checkpoint: _Checkpoint, order: Int[Tensor, " species"]) -> None:
    """Copy the weights of `checkpoint` into `model`; `order` sorts the checkpoint's elements as in `model`."""
    bessel, speed = cast(BesselBasis, model.bessel), model.speed
    bessel.roots.copy_(checkpoint.take("_encoding.EdgeLengthEncoding.radial_basis.bessel_roots", len(bessel.roots)))
    mixing = checkpoint.take("_encoding.VelocityNormEncoding.element_tp.weight", *speed.weight.shape)
    speed.weight.copy_(mixing[:, order])
    rows = torch.cat([order, torch.arange(len(order), len(order) + speed.size)])  # one-hot, then the speed basis

    def embedding(irrep: Irrep, weight: Tensor) -> Tensor:
        return weight[rows] if irrep == (0, 1) else weight

    _fill_blocks(model.embed.weights, checkpoint, "_int_out.LinearInit.linear", embedding)
    for number, layer in enumerate(cast(list[Interaction], list(model.layers))):
        name = f"_int_out.mp_layer_{number}"
        _fill_mlp(cast(RadialNet, layer.radial), layer.edge_weights, layer.edge_shape, checkpoint, f"{name}.edge_mlp")
        _fill_mlp(cast(RadialNet, layer.speed), layer.node_weights, layer.node_shape, checkpoint, f"{name}.vel_mlp")
        of_edges, of_nodes = (partial(_paths_of_irrep, shape) for shape in (layer.edge_shape, layer.node_shape))
        _fill_blocks(layer.contraction.weights, checkpoint, f"{name}.linear_contraction", of_edges)
        _fill_blocks(layer.update.weights, checkpoint, f"{name}.linear_updates", of_nodes)
        _fill_blocks(layer.self_connection.weights, checkpoint, f"{name}.tp_resnet", lambda _, w: w[:, order])
    _fill_blocks(model.compress.weights, checkpoint, "_int_out.LinearCompression.linear")
    _fill_blocks(model.readout.weights, checkpoint, "_int_out.LinearReadOut.linear")


def _fill_blocks(
    weights: nn.ParameterDict,
    checkpoint: _Checkpoint,
    name: str,
    arranged: Callable[[Irrep, Tensor], Tensor] = lambda irrep, weight: weight,
) -> None:
    """Copy the weights of each (l, parity) from one vector; `arranged` converts those of one irrep to our order."""
    parts = sorted(((int(key[:-1]), 1 if key[-1] == "e" else -1), weight) for key, weight in weights.items())
    flat = checkpoint.take(f"{name}.weight", sum(weight.numel() for _, weight in parts))
    pieces = flat.split([weight.numel() for _, weight in parts])
    for (irrep, weight), piece in zip(parts, pieces, strict=True):
        weight.copy_(arranged(irrep, piece.view_as(weight)))


def _fill_mlp(net: RadialNet, last: PathWeights, shape: ProductShape, checkpoint: _Checkpoint, name: str) -> None:
    """Copy the layers of an MLP; the last one computes the weights of all paths."""
    for number, weight in enumerate(net.weights):
        weight.copy_(checkpoint.take(f"{name}.layer{number}.weight", *weight.shape))
    output_layer = checkpoint.take(f"{name}.layer{len(net.weights)}.weight", *last.weight.shape)
    paths = output_layer.unflatten(1, (-1, shape.channels))[:, _path_indices(shape.outputs)]
    last.weight.copy_(paths.flatten(1))


def _paths_of_irrep(shape: ProductShape, irrep: Irrep, weight: Tensor) -> Tensor:
    """The rows of a linear map that belong to the product's paths to `irrep`, in our order."""
    paths = [output for output in shape.outputs if output.irrep == irrep]
    return weight.unflatten(0, (-1, shape.channels))[_path_indices(paths)].flatten(0, 1)


def _path_indices(outputs: Sequence[Output]) -> list[int]:
    """Index of each path in a checkpoint, which sorts paths by output irrep, input irrep and l of the harmonics."""
    checkpoint_order = sorted(outputs, key=lambda o: (o.irrep, o.path.l_in, o.parity, o.path.l_y))
    return [checkpoint_order.index(output) for output in outputs]
