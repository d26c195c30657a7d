"""What one batch shows of network, loss and data before anything is measured on them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from landscape.distributed import all_reduce_sum, alone
from landscape.hints import few
from landscape.nests import Nest, map_tensors, num_rows, take_rows, tensors_in
from landscape.objective.at_theta import leaves
from landscape.objective.autograd_graph import leaves_behind
from landscape.objective.halving import with_smaller_batches
from landscape.objective.losses import TIME_FIRST
from landscape.objective.objective import Objective
from landscape.objective.pair import Loss, prediction
from landscape.objective.plain_forms import CallsSeen
from landscape.objective.risk import EmpiricalRisk
from landscape.objective.user_errors import UserCodeError, told_as_users
from landscape.seeds import draws_random_numbers

_NAMED = 4  # parameters in a note
_ROUNDING = 100  # eps: what sums in another order leave, on devices that have no fixed order


@dataclass(frozen=True)
class FirstLook:
    """Notes, and whether the forward pass draws random numbers."""

    notes: tuple[str, ...]
    is_random: bool
    repeats: bool = True  # two evaluations with the same random numbers agree
    calls_replaced: bool = False  # functions that have a plain form
    writes: bool = False  # to its batches


def first_look(risk: EmpiricalRisk) -> FirstLook:
    """Look at the first batch: random numbers, unused and foreign parameters, what is predicted.

    Raises
    ------
    ValueError
        If the loss uses none of the parameters, or some of them past the network.
    """
    found = (
        with_smaller_batches(risk, lambda: _look(risk)) if risk.batches else FirstLook((), False)
    )
    flags = [found.is_random, not found.repeats, found.calls_replaced, found.writes]
    sums = all_reduce_sum(torch.tensor(flags, dtype=torch.float64, device=risk.device))
    is_random, changes, calls_replaced, writes = (sums > 0).tolist()
    return FirstLook(found.notes, is_random, not changes, calls_replaced, writes)


def _look(risk: EmpiricalRisk) -> FirstLook:
    tensors = leaves(risk.layout.split(risk.theta))
    copied = map_tensors(torch.clone, risk.batches[0])
    versions = [t._version for t in tensors_in(copied)]
    with alone():
        unseeded = risk.on([copied]).with_noise(None)
    with risk.swapped(tensors), CallsSeen(risk.device) as calls:
        is_random = draws_random_numbers(lambda: unseeded.terms(0), risk.device)
    writes = versions != [t._version for t in tensors_in(copied)]
    if writes:
        risk = risk.with_copied_batches()
    if calls.replaced:
        risk = risk.with_plain_functions()
    if is_random and risk.noise is None:
        risk = risk.with_noise(0)
    with risk.swapped(tensors):
        terms, _, outputs = risk.measure(0)
        loss = terms.totals.sum()
        reached = leaves_behind([loss])
        _check_own(risk, reached)
        notes = _unused(risk, loss, tensors)
        if outputs[0] is not None:
            _check_first_axis(risk, outputs[0])
            notes += risk.objective.notes(outputs[0], risk.batches[0])
        first = terms.totals.detach()
        del terms, outputs, loss  # and the graph with them
        # In grad mode too: others have fast paths.
        losses = risk.terms(0).totals
        again, reached_again = losses.detach(), leaves_behind([losses])
        del losses
    # What a pass makes, or the data hold, to differentiate by it, is no parameter.
    no_parameters = {id(t) for t in tensors} | leaves_behind(tensors_in(risk.batches[0])).keys()
    notes += _foreign(
        risk, {k: t for k, t in reached.items() if k in reached_again and k not in no_parameters}
    )
    repeated = _repeated(first, again, risk.dtype)
    notes += repeated
    if is_random:
        other = risk.with_noise(1)
        with other.swapped(tensors):
            notes += _random(first, other.terms(0).totals.detach(), risk.objective.draws)
    if calls.autocast is not None and risk.dtype != torch.float64:  # which it leaves alone
        notes.append(
            f"the forward pass runs under torch.autocast, much of it in {str(calls.autocast)[6:]}: "
            "numbers have the few digits of that. Turn it off, or take dtype float64, on which it "
            "has no effect"
        )
    if writes:
        notes.append(
            "the network or the loss writes to its data: each evaluation has a copy of them"
        )
    return FirstLook(tuple(notes), is_random, not repeated, calls.replaced, writes)


def _check_own(risk: EmpiricalRisk, reached: Mapping[int, Tensor]) -> None:
    """Refuse a loss that reaches parameters in whose place the network has θ."""
    names = {id(t): name for name, t in _reached(risk.objective)}
    own = {id(p): name for name, p in risk.parameters.items() if id(p) in reached}
    if own:
        told = [f"{names[key]}, its {name}" if key in names else name for key, name in own.items()]
        raise ValueError(
            f"the loss reaches parameters of the network past the network ({few(told, _NAMED)}): "
            "by a list, an optimizer, a view or a function that was given them before, where they "
            "keep their values whatever θ is, so that its derivatives would be others. Ask the "
            "network for them inside forward and loss, as by model.parameters()."
        )


def _check_first_axis(risk: EmpiricalRisk, outputs: Nest) -> None:
    """Refuse outputs whose first axis has as many entries as there are examples, but is not theirs.

    No shape tells (T, N, K) with T = N from (N, T, K); that of fewer examples does.
    """
    batch, count = risk.batches[0], num_rows(risk.batches[0])
    found = prediction(outputs)
    named = isinstance(risk.objective, Loss) and risk.objective.takes_prediction
    if not named or found is None or count is None or count < 2:
        return
    if found.tensor.ndim < 2 or not found.tensor.shape[0] == found.tensor.shape[1] == count:
        return
    try:
        with told_as_users(risk.model), torch.no_grad():
            nest = risk.on([take_rows(batch, slice(0, count - 1))]).outputs(0)[0]
    except UserCodeError:  # it takes whole batches only
        return
    fewer = prediction(nest)
    if fewer is not None and fewer.tensor.shape[:2] == (count, count - 1):
        raise ValueError(
            f"the network's outputs have the examples on their second axis: shape "
            f"{tuple(found.tensor.shape)} for {count} of them, {tuple(fewer.tensor.shape)} for "
            f"{count - 1}. {TIME_FIRST}."
        )


def _unused(risk: EmpiricalRisk, loss: Tensor, tensors: list[Tensor]) -> list[str]:
    names = risk.layout.names
    gradient = (
        torch.autograd.grad(loss, tensors, allow_unused=True, retain_graph=True)
        if loss.requires_grad
        else [None] * len(tensors)
    )
    unused = [name for name, g in zip(names, gradient, strict=True) if g is None]
    if len(unused) == len(names):
        raise ValueError(
            "the loss depends on none of the network's parameters, so there is nothing to "
            "differentiate. Look for torch.no_grad, .detach() or .item() in forward and loss."
        )
    if not unused:
        return []
    named = few(unused, _NAMED)
    return [f"the loss does not use {named}: all eigenvalues that belong to them are 0"]


def _foreign(risk: EmpiricalRisk, reached: Mapping[int, Tensor]) -> list[str]:
    """Parameters that the loss reaches although neither network nor objective has them."""
    if not reached:
        return []
    names = {id(t): name for name, t in _reached(risk.objective)}
    told = [names.get(key, f"one of shape {tuple(t.shape)}") for key, t in reached.items()]
    return [
        f"the loss uses parameters that belong neither to the network nor to a module that is its "
        f"objective, and are held fixed: {few(told, _NAMED)}. Make the objective an nn.Module that "
        "has them, or put them into the network, if they are to be part of θ"
    ]


def _repeated(first: Tensor, again: Tensor, dtype: torch.dtype) -> list[str]:
    gap = _gap(first, again)
    if gap <= _ROUNDING * torch.finfo(dtype).eps:
        return []
    return [
        f"two evaluations of one batch differ, an example's loss by up to {gap:.1e} of the "
        "largest: the forward pass keeps state, or draws random numbers of its own; do not trust "
        "what is measured here, residuals and errors included"
    ]


def _random(first: Tensor, other: Tensor, draws: int) -> list[str]:
    count = "one draw of them" if draws == 1 else f"the mean of {draws} draws"
    gap = _gap(first, other)
    if gap == 0:
        return [
            "the forward pass draws random numbers, which are fixed by a seed; others leave the "
            "losses of the first batch as they are"
        ]
    return [
        "the forward pass is random: other random numbers move an example's loss by up to "
        f"{gap:.1e} of the largest. They are fixed by a seed, and all numbers are "
        f"those of {count}; if they are not meant (F.dropout without training=self.training?), "
        "turn them off, else see Objective(draws=…)"
    ]


def _gap(first: Tensor, other: Tensor) -> float:
    size = float(first.abs().max().clamp_min(torch.finfo(first.dtype).tiny))
    return float((first - other).abs().max()) / size if first.shape == other.shape else float("inf")


def _reached(objective: Objective) -> Iterator[tuple[str, Tensor]]:
    """Parameters that the objective's functions close over, with the name that leads to each."""
    for function in (objective.fn, objective.outputs, objective.loss_of_outputs):
        yield from _closed_over(function)


def _closed_over(function: Callable[..., Any] | None) -> Iterator[tuple[str, Tensor]]:
    code = getattr(function, "__code__", None)
    cells = getattr(function, "__closure__", None) or ()
    held: dict[str, Any] = {}
    if code is not None:
        held |= dict(zip(code.co_freevars, (c.cell_contents for c in cells), strict=False))
        world = getattr(function, "__globals__", {})
        held |= {name: world[name] for name in code.co_names if name in world}
    for name, value in held.items():
        yield from _parameters_in(name, value)
    inner = getattr(function, "function", None) or vars(getattr(function, "__self__", object)).get(
        "function"
    )
    if callable(inner) and not isinstance(inner, nn.Module):
        yield from _closed_over(inner)


def _parameters_in(name: str, value: object) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, nn.Module):
        yield from ((f"{name}.{inner}", p) for inner, p in value.named_parameters())
    elif isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _parameters_in(f"{name}[{key!r}]", inner)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _parameters_in(f"{name}[{index}]", inner)
