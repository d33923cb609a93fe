"""What a checkpoint of IBM's trajcast 1.x computes, spelled out in plain torch, without a line of the package.

Slow and complete, for any sizes, in float64. From e3nn come numbers alone: spherical harmonics, Wigner's 3j symbols,
and the second moments of the activations. An irreducible representation is (l, parity); features are a dictionary of
these to tensors (atoms, channels, 2l + 1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from ase import Atoms
from ase.neighborlist import neighbor_list
from e3nn.math import normalize2mom
from e3nn.o3 import spherical_harmonics, wigner_3j
from torch import Tensor

Irrep = tuple[int, int]
Features = dict[Irrep, Tensor]
Config = Mapping[str, Any]
Weights = dict[str, Tensor]

SILU, TANH = (float(normalize2mom(f).cst) for f in (torch.nn.functional.silu, torch.tanh))


class Step(NamedTuple):
    displacement: Tensor  # Å
    velocity: Tensor  # Å/fs


def paths(irreps: Sequence[Irrep], l_max: int) -> list[tuple[Irrep, int, Irrep]]:
    """What enters, l of the harmonics, what comes out; sorted by what comes out."""
    found = [
        ((l, p), y, (out, p * (-1) ** y))
        for l, p in sorted(irreps)
        for y in range(l_max + 1)
        for out in range(abs(l - y), min(l + y, l_max) + 1)
    ]
    return sorted(found, key=lambda path: path[2])


def irreps_after(irreps: Sequence[Irrep], l_max: int) -> list[Irrep]:
    return sorted({out for _, _, out in paths(irreps, l_max)})


def layer_irreps(config: Config) -> list[tuple[list[Irrep], list[Irrep], list[Irrep]]]:
    """Of each layer: what enters, what is pooled, what comes out."""
    l_max = config["max_rotation_order"]
    entering = [(l, (-1) ** l) for l in range(l_max + 1)]
    found = []
    for _ in range(config["num_mp_layers"]):
        pooled = irreps_after(entering, l_max)
        found.append((entering, pooled, irreps_after(pooled, l_max)))
        entering = found[-1][2]
    return found


def random_checkpoint(config: Config, seed: int) -> Weights:
    """Weights for `config`, named and shaped as the released ones, among constants that no importer needs."""
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng, dtype=torch.float64)

    c, elements, l_max = config["num_hidden_channels"], config["num_chem_elements"], config["max_rotation_order"]
    radial, speed = config["num_edge_rbf"], config["num_vel_rbf"]
    weights = {
        "rms_targets": torch.tensor([0.05, 0.012], dtype=torch.float64),
        "avg_num_neighbors": torch.tensor(config["avg_num_neighbors"], dtype=torch.float64),
        "lmax": torch.tensor(l_max),
        "_encoding.EdgeLengthEncoding.radial_basis.bessel_roots": math.pi * torch.arange(1, radial + 1) + draw(radial),
        "_encoding.VelocityNormEncoding.element_tp.weight": draw(speed * elements * speed),
        "_encoding.VelocityNormEncoding.element_tp.output_mask": torch.ones(speed),
        "_int_out.LinearInit.linear.weight": draw((elements + speed + l_max) * c),
        "_int_out.LinearInit.linear.bias": torch.zeros(0),
    }
    for number, (entering, pooled, updated) in enumerate(layer_irreps(config)):
        name = f"_int_out.mp_layer_{number}"
        gates = c * sum(l > 0 for l, _ in updated)
        for part, basis, irreps, columns, linear in (
            ("edge", radial, entering, {ir: c for ir in pooled}, "linear_contraction"),
            ("vel", speed, pooled, {ir: c + gates * (ir == (0, 1)) for ir in updated}, "linear_updates"),
        ):
            product = paths(irreps, l_max)
            widths = [basis, *config[f"{part}_mlp_kwargs"]["n_neurons"], c * len(product)]
            for k, (a, b) in enumerate(pairwise(widths)):  # larger than unit normal: else neighbours hardly matter
                weights[f"{name}.{part}_mlp.layer{k}.weight"] = 2.5 * draw(a, b)
            weights[f"{name}.{linear}.weight"] = draw(sum(c * columns[out] for _, _, out in product))
        weights[f"{name}.tp_resnet.weight"] = draw(len(entering) * c * elements * c)
    weights["_int_out.LinearCompression.linear.weight"] = draw(c * (c // 4))
    weights["_int_out.LinearReadOut.linear.weight"] = draw(c // 4 * 2)
    return weights


def forward(weights: Weights, config: Config, types: Tensor, masses: Tensor, atoms: Atoms, velocities: Tensor) -> Step:
    """The step that follows; `types` are the numbers of the atoms' elements in the checkpoint."""
    i, j, images = neighbor_list("ijS", atoms, config["edge_cutoff"])
    receivers, senders = torch.as_tensor(i), torch.as_tensor(j)
    positions = torch.as_tensor(atoms.positions)
    edges = positions[senders] - positions[receivers] + torch.as_tensor(images @ atoms.cell.array)
    l_max, c = config["max_rotation_order"], config["num_hidden_channels"]
    one_hot = torch.nn.functional.one_hot(types, config["num_chem_elements"]).double()
    radial = radial_basis(weights, config, edges.norm(dim=1))
    speed = speed_basis(weights, config, velocities.norm(dim=1), one_hot)
    y_edges, y_atoms = harmonics(edges, l_max), harmonics(velocities, l_max)
    entering = {(l, (-1) ** l): y_atoms[l][:, None] for l in range(l_max + 1)}
    entering[0, 1] = torch.cat([one_hot, speed], dim=1)[:, :, None]
    h = linear(weights["_int_out.LinearInit.linear.weight"], entering, dict.fromkeys(entering, c))
    for number in range(config["num_mp_layers"]):
        layer = {
            name.removeprefix(f"_int_out.mp_layer_{number}."): value
            for name, value in weights.items()
            if name.startswith(f"_int_out.mp_layer_{number}.")
        }
        messages = product({ir: x[senders] for ir, x in h.items()}, y_edges, mlp(layer, "edge_mlp", radial))
        pooled = {
            ir: x.new_zeros(len(types), *x.shape[1:]).index_add(0, receivers, x) / weights["avg_num_neighbors"]
            for ir, x in messages.items()
        }
        mixed = linear(layer["linear_contraction.weight"], pooled, dict.fromkeys(pooled, c))
        conditioned = product(mixed, y_atoms, mlp(layer, "vel_mlp", speed))
        updated = gate(layer["linear_updates.weight"], conditioned, c)
        kept = of_elements(layer["tp_resnet.weight"], h, one_hot)
        h = {ir: (x + kept.get(ir, 0)) / math.sqrt(2) for ir, x in updated.items()}
    narrow = linear(weights["_int_out.LinearCompression.linear.weight"], h, {(1, -1): c // 4})
    read = linear(weights["_int_out.LinearReadOut.linear.weight"], narrow, {(1, -1): 2})[1, -1]
    scaled = read * weights["rms_targets"][:, None]
    return conserved(config, positions, velocities, masses, scaled[:, 0], scaled[:, 1])


def radial_basis(weights: Weights, config: Config, r: Tensor) -> Tensor:
    cutoff, p = config["edge_cutoff"], float(config["num_edge_poly_cutoff"])
    x = r / cutoff
    envelope = 1 - x**p * ((p + 1) * (p + 2) / 2 - p * (p + 2) * x + p * (p + 1) / 2 * x**2)
    roots = weights["_encoding.EdgeLengthEncoding.radial_basis.bessel_roots"]
    bessel = 2 / cutoff * torch.sin(roots * x[:, None]) / (r[:, None] + 1e-5)
    return bessel * torch.where(x < 1, envelope, 0.0)[:, None]


def speed_basis(weights: Weights, config: Config, speed: Tensor, one_hot: Tensor) -> Tensor:
    n, elements = config["num_vel_rbf"], config["num_chem_elements"]
    width = config["vel_max"] / (n + 1)
    steps = speed[:, None] / width - torch.arange(1, n + 1)
    gauss = torch.exp(-(steps**2)) / 1.12 * math.sqrt(n)
    mixing = weights["_encoding.VelocityNormEncoding.element_tp.weight"].view(n, elements, n)
    return torch.einsum("au,as,usw->aw", gauss, one_hot, mixing) / math.sqrt(n * elements)


def harmonics(vectors: Tensor, l_max: int) -> list[Tensor]:
    return [spherical_harmonics(l, vectors, normalize=True, normalization="component") for l in range(l_max + 1)]


def mlp(layer: Weights, name: str, x: Tensor) -> Tensor:
    matrices = [layer[f"{name}.layer{k}.weight"] for k in range(sum(key.startswith(f"{name}.") for key in layer))]
    for matrix in matrices[:-1]:
        x = SILU * torch.nn.functional.silu(x @ matrix / math.sqrt(len(matrix)))
    return x @ matrices[-1] / math.sqrt(len(matrices[-1]))


def product(h: Features, y: list[Tensor], path_weights: Tensor) -> Features:
    """Every path times its weights of each channel; the paths of one outcome side by side."""
    of_paths = path_weights.unflatten(1, (-1, next(iter(h.values())).shape[1])).unbind(1)
    found: dict[Irrep, list[Tensor]] = {}
    for (entering, l, out), w in zip(paths(list(h), len(y) - 1), of_paths, strict=True):
        couplings = wigner_3j(entering[0], l, out[0], dtype=torch.float64) * math.sqrt(2 * out[0] + 1)
        found.setdefault(out, []).append(w[:, :, None] * torch.einsum("aum,an,mnk->auk", h[entering], y[l], couplings))
    return {out: torch.cat(parts, dim=1) for out, parts in found.items()}


def linear(flat: Tensor, h: Features, columns: dict[Irrep, int]) -> Features:
    found, used = {}, 0
    for ir in sorted(set(h) & set(columns)):
        rows = h[ir].shape[1]
        matrix = flat[used : used + rows * columns[ir]].view(rows, columns[ir])
        found[ir] = torch.einsum("aum,uw->awm", h[ir], matrix) / math.sqrt(rows)
        used += matrix.numel()
    assert used == len(flat)
    return found


def gate(flat: Tensor, h: Features, c: int) -> Features:
    """A linear map, whose further even scalars are the gates of what is no scalar."""
    conserve_angular_momentum = [ir for ir in sorted(h) if ir[0] > 0]
    columns = {ir: c + c * len(conserve_angular_momentum) * (ir == (0, 1)) for ir in h}
    x = linear(flat, h, columns)
    even, *gates = (SILU * torch.nn.functional.silu(x[0, 1])).split(c, dim=1)
    found = {(0, 1): even} | {ir: x[ir] * g for ir, g in zip(conserve_angular_momentum, gates, strict=True)}
    if (0, -1) in x:
        found[0, -1] = TANH * torch.tanh(x[0, -1])
    return found


def of_elements(flat: Tensor, h: Features, one_hot: Tensor) -> Features:
    c, elements = next(iter(h.values())).shape[1], one_hot.shape[1]
    tables = flat.view(len(h), c, elements, c)
    scale = math.sqrt(c * elements)
    return {
        ir: torch.einsum("aum,as,usw->awm", h[ir], one_hot, table) / scale
        for ir, table in zip(sorted(h), tables, strict=True)
    }


def conserved(config: Config, positions: Tensor, velocities: Tensor, masses: Tensor, moved: Tensor, v: Tensor) -> Step:
    m = masses[:, None]
    wanted = target(config, "net_lin_mom", (m * velocities).sum(0))
    if (wanted == 0).all():
        moved = moved - (m * moved).sum(0) / m.sum()
    v = v + (wanted - (m * v).sum(0)) / m.sum()
    if config["conserve_ang_mom"]:
        before = positions - (m * positions).sum(0) / m.sum()
        spin = target(config, "net_ang_mom", torch.linalg.cross(before, m * velocities).sum(0))
        after = positions + moved
        after = after - (m * after).sum(0) / m.sum()
        tensor = torch.einsum("a,axy->xy", masses, (after**2).sum(1)[:, None, None] * torch.eye(3).double())
        tensor = tensor - torch.einsum("a,ax,ay->xy", masses, after, after)
        omega = torch.linalg.solve(tensor, spin - torch.linalg.cross(after, m * v).sum(0))
        v = v + torch.linalg.cross(omega.expand_as(after), after)
    return Step(moved, v)


def target(config: Config, name: str, present: Tensor) -> Tensor:
    return torch.tensor(config[name], dtype=torch.float64) if config.get(name) else present
