"""Moves of the weights that leave a network's function as it is, one for each symmetry.

Each writes to ``values``: parameters, and running statistics of batch norms, by name. What is drawn
comes from the generator: factors between 1/4 and 4, rotations, permutations, shifts. Factors are
powers of 2, so that rescaling brings no rounding of its own.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from landscape.curvature.symmetry.parts import (
    Block,
    Factor,
    Group,
    Norm,
    Output,
    Product,
    Rows,
    Sum,
    Symmetries,
    Units,
)

Draw = Callable[[dict[str, Tensor], Generator], None]


@dataclass(frozen=True)
class Move:
    """One kind of move, of all places that have it."""

    kind: str
    draws: tuple[Draw, ...]

    def of(self, values: dict[str, Tensor], rng: Generator) -> dict[str, Tensor]:
        """The moved values; those given stay."""
        moved = {name: value.clone() for name, value in values.items()}
        for draw in self.draws:
            draw(moved, rng)
        return moved


def moves_of(found: Symmetries) -> list[Move]:
    """All moves along what was found, by their kinds."""
    kinds = dict.fromkeys(product.kind for product in found.products)
    by_kind: list[tuple[str, Iterable[Draw]]] = [
        ("permutation of units", map(permutation_move, found.permuted)),
        ("factors on filters before batch norm", map(rows_move, found.rows)),
        ("factors on units", map(unit_move, found.factors)),
        ("norms' weights", map(norm_weight_move, found.norms)),
        ("norms' biases", (norm_bias_move(norm) for norm in found.norms if norm.shifts)),
        ("keys' biases", map(key_move, found.keys)),
        ("values' biases", map(output_move, found.outputs)),
        ("recurrences' biases", map(sum_move, found.sums)),
        *(
            (f"GL(r) of {kind}", (product_move(p) for p in found.products if p.kind == kind))
            for kind in kinds
        ),
    ]
    moves = (Move(kind, tuple(draws)) for kind, draws in by_kind)
    return [move for move in moves if move.draws]


def product_move(product: Product) -> Draw:
    """A on the left and A^-T on the right, A from the product's group."""

    def draw(values: dict[str, Tensor], rng: Generator) -> None:
        left = product.left[0].weight.of(values)
        A = _element(len(left), product.group, rng)
        for factors, matrix in ((product.left, A), (product.right, torch.linalg.inv(A).T)):
            act = matrix.to(left)
            for factor in factors:
                for block in (factor.weight, factor.bias):
                    if block is not None:
                        part = block.of(values)
                        part.copy_(act @ part)

    return draw


def key_move(key: Factor) -> Draw:
    """A shift of a key's bias, which adds one number to all logits of a query."""

    def draw(values: dict[str, Tensor], rng: Generator) -> None:
        assert key.bias is not None
        bias = key.bias.of(values)
        bias += _normal_like(bias, rng)

    return draw


def output_move(output: Output) -> Draw:
    """Biases of values, moved into the output's: attention weights add up to 1."""

    def draw(values: dict[str, Tensor], rng: Generator) -> None:
        bias = output.bias.of(values)
        shifts: dict[Block, Tensor] = {}
        for block, value in output.terms:
            assert value.bias is not None
            if value.bias not in shifts:
                part = value.bias.of(values)
                shifts[value.bias] = _normal_like(part, rng)
                part += shifts[value.bias]
            bias -= shifts[value.bias] @ block.of(values)

    return draw


def sum_move(pair: Sum) -> Draw:
    """A shift of one of two biases that are added, taken back by the other."""

    def draw(values: dict[str, Tensor], rng: Generator) -> None:
        first = pair.first.of(values)
        shift = _normal_like(first, rng)
        first += shift
        pair.second.of(values).sub_(shift)

    return draw


def norm_weight_move(norm: Norm) -> Draw:
    """Factors on a norm's weights and biases, divided out of the columns that read them."""

    def draw(values: dict[str, Tensor], rng: Generator) -> None:
        gamma = norm.gamma(values)
        factors = _factors(len(gamma), rng).to(gamma)
        norm.weight.of(values).copy_(gamma * factors - norm.offset)
        if norm.beta is not None:
            norm.beta.of(values).mul_(factors)
        for each in norm.maps:
            W = each.weight.of(values)
            W /= _along_rows(factors, W)

    return draw


def norm_bias_move(norm: Norm) -> Draw:
    """A shift of a norm's biases, taken back by those of the maps that read them."""

    def draw(values: dict[str, Tensor], rng: Generator) -> None:
        assert norm.beta is not None
        beta = norm.beta.of(values)
        shift = _normal_like(beta, rng)
        beta += shift
        for weight, bias in norm.biased:
            bias.of(values).sub_(shift @ weight.of(values))

    return draw


def unit_move(units: Units) -> Draw:
    """A positive factor on all that makes a unit, divided out of all that reads it."""

    def draw(values: dict[str, Tensor], rng: Generator) -> None:
        readers = [reader.of(values) for reader in units.readers]
        factors = _factors(len(readers[0]), rng).to(readers[0])
        for maker in units.makers:
            for block in maker:
                if block is not None:
                    part = block.of(values)
                    part *= _along_rows(factors, part)
        for reader in readers:
            reader.div_(_along_rows(factors, reader))

    return draw


def permutation_move(units: Units) -> Draw:
    """Units change places, with their batch norms."""

    def draw(values: dict[str, Tensor], rng: Generator) -> None:
        readers = [reader.of(values) for reader in units.readers]
        # One cycle through all: it leaves no unit, nor a head of attention, in its place.
        cycle = torch.randperm(len(readers[0]), generator=rng).to(readers[0].device)
        order = torch.empty_like(cycle)
        order[cycle] = cycle.roll(1)
        parts = [block.of(values) for maker in units.makers for block in maker if block is not None]
        for name in units.norms:
            parts += [values[f"{name}.{of}"] for of in STATISTICS]
        for part in (*parts, *readers):
            part.copy_(part[order])

    return draw


def rows_move(rows: Rows) -> Draw:
    """Factors on filters before a batch norm, and on its running statistics."""

    def draw(values: dict[str, Tensor], rng: Generator) -> None:
        weight = rows.weight.of(values)
        # Above 1, so that the running variance below stays positive.
        factors = torch.exp2(torch.randint(1, 3, (len(weight),), generator=rng).to(weight))
        mean, variance = (values[f"{rows.norm}.{of}"] for of in STATISTICS)
        for block in (rows.weight, rows.bias):
            if block is not None:
                part = block.of(values)
                part *= _along_rows(factors, part)
        mean *= factors
        variance.copy_((variance + rows.eps) * factors.square() - rows.eps)

    return draw


STATISTICS = ("running_mean", "running_var")


def _element(r: int, group: Group, rng: Generator) -> Tensor:
    """A random invertible matrix of the group, float64, singular values between 1/4 and 4."""
    if group == "linear":
        draws = [torch.randn(r, r, generator=rng, dtype=torch.float64) for _ in range(2)]
        first, second = (torch.linalg.qr(each).Q for each in draws)
        sizes = 4.0 ** (2 * torch.rand(r, generator=rng, dtype=torch.float64) - 1)
        A: Tensor = (first * sizes) @ second
        return A
    if group == "scalar":
        size = 4.0 ** (2 * torch.rand(1, generator=rng, dtype=torch.float64) - 1)
        return size * torch.eye(r, dtype=torch.float64)
    # One complex number for each plane that positions rotate.
    planes = r // 2
    sizes = 4.0 ** (2 * torch.rand(planes, generator=rng, dtype=torch.float64) - 1)
    angles = 2 * torch.pi * torch.rand(planes, generator=rng, dtype=torch.float64)
    real, imaginary = sizes * angles.cos(), sizes * angles.sin()
    first = torch.arange(planes) if group == "rotary" else 2 * torch.arange(planes)
    second = first + (planes if group == "rotary" else 1)
    A = torch.zeros(r, r, dtype=torch.float64)
    A[first, first] = A[second, second] = real
    A[first, second], A[second, first] = -imaginary, imaginary
    return A


def _factors(count: int, rng: Generator) -> Tensor:
    exponents = torch.tensor([-2.0, -1.0, 1.0, 2.0], dtype=torch.float64)  # none is left as it is
    return torch.exp2(exponents[torch.randint(0, 4, (count,), generator=rng)])


def _normal_like(like: Tensor, rng: Generator) -> Tensor:
    return torch.randn(like.shape, generator=rng, dtype=torch.float64).to(like)


def _along_rows(factors: Tensor, part: Tensor) -> Tensor:
    return factors.view(-1, *[1] * (part.ndim - 1))
