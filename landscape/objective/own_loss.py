"""The loss that a network computes itself where a batch holds labels, as transformers' networks do.

Most of these losses are one of four functions of logits and labels. Which, the network's own value
and its derivative by the logits say; it is then computed from the logits, one value an example,
with the number of labels as weight, so that neither batches nor padding move it.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape.hints import few
from landscape.nests import Nest, describe, num_rows
from landscape.objective.losses import IGNORED
from landscape.objective.objective import Answers, Objective, Value
from landscape.objective.user_errors import UserCodeError, told_as_users

LABELS = "labels"

_CLOSE = 1e-3  # of the loss and of its slope: some networks compute theirs in half the digits


class _Pair(NamedTuple):
    scores: Tensor  # shape (n, …, K), or (n, …) of numbers
    targets: Tensor


@dataclass(frozen=True)
class _Form:
    """A function of logits and labels, and where it applies."""

    name: str
    pair: Callable[[Tensor, Tensor], _Pair | None]  # None: shapes or types do not fit
    terms: Callable[[_Pair], tuple[Tensor, Tensor]]  # totals and weights, each of shape (n,)
    has_classes: bool = False


def _at_each(logits: Tensor, labels: Tensor) -> _Pair | None:
    if labels.is_floating_point() or logits.shape[:-1].numel() != labels.numel():
        return None
    return _Pair(logits, labels.reshape(logits.shape[:-1]))


def _of_the_next(logits: Tensor, labels: Tensor) -> _Pair | None:
    if labels.is_floating_point() or labels.ndim < 2 or logits.shape[:-1] != labels.shape:
        return None
    return _Pair(logits[:, :-1], labels[:, 1:])


def _of_one_shape(logits: Tensor, labels: Tensor) -> _Pair | None:
    if logits.numel() != labels.numel() or len(logits) != len(labels):
        return None
    return _Pair(logits, labels.to(logits.dtype).reshape(logits.shape))


def _cross_entropy(pair: _Pair) -> tuple[Tensor, Tensor]:
    flat = pair.targets.flatten()
    losses = F.cross_entropy(
        pair.scores.flatten(0, -2), flat, ignore_index=IGNORED, reduction="none"
    )
    n = len(pair.targets)
    return losses.view(n, -1).sum(1), (flat != IGNORED).view(n, -1).sum(1)


def _mean_of(
    function: Callable[..., Tensor],
) -> Callable[[_Pair], tuple[Tensor, Tensor]]:
    def terms(pair: _Pair) -> tuple[Tensor, Tensor]:
        losses = function(pair.scores, pair.targets, reduction="none")
        losses = losses.reshape(len(losses), -1).mean(1)
        return losses, torch.ones_like(losses)

    return terms


_FORMS = (
    _Form("cross entropy", _at_each, _cross_entropy, has_classes=True),
    _Form("cross entropy of the next token", _of_the_next, _cross_entropy, has_classes=True),
    _Form("binary cross entropy", _of_one_shape, _mean_of(F.binary_cross_entropy_with_logits)),
    _Form("squared error", _of_one_shape, _mean_of(F.mse_loss)),
)


class OwnLoss(Objective):
    """A network's own loss, as one of the forms above, of batches that are dictionaries."""

    form: _Form

    def __init__(self, name: str, form: _Form, inputs: Callable[[Nest], Nest]) -> None:
        object.__setattr__(self, "form", form)
        object.__setattr__(self, "_inputs", inputs)
        super().__init__(
            fn=self._of_batch,
            outputs=self._logits,
            loss_of_outputs=self._of_logits,
            name=f"{name}'s own loss ({form.name})",
        )

    def answers(self, outputs: Nest, batch: Nest) -> Answers:
        pair = self.form.pair(outputs, batch[LABELS]) if self.form.has_classes else None
        if pair is None:
            return Answers.none()
        asked = pair.targets != IGNORED
        hits = (pair.scores.argmax(-1) == pair.targets) & asked
        return Answers(*(x.view(len(asked), -1).sum(1) for x in (hits, asked)))

    def _of_batch(self, model: nn.Module, batch: Nest) -> Value:
        return self._of_logits(self._logits(model, batch), batch)

    def _logits(self, model: nn.Module, batch: Nest) -> Tensor:
        logits: Tensor = model(**self._inputs(batch)).logits  # type: ignore[attr-defined]
        return logits

    def _of_logits(self, outputs: Nest, batch: Nest) -> Value:
        pair = self.form.pair(outputs, batch[LABELS])
        if pair is None:
            raise ValueError(
                f"logits {tuple(outputs.shape)} do not fit labels {tuple(batch[LABELS].shape)}."
            )
        return self.form.terms(pair)


def own_loss(model: nn.Module, batch: Nest) -> tuple[Objective, tuple[str, ...]]:
    """The loss that ``model`` computes of ``batch``, as an objective, and notes of what it is.

    Where it is none of the forms it is taken as the network gives it, a mean over the labels.

    Parameters
    ----------
    model
        Called with the entries of a batch by name; returns an object with ``loss`` and ``logits``.
    batch
        A few examples as the data give them, cast to the type of the network.

    Raises
    ------
    ValueError
        If batches are no dictionaries, the network computes no loss of them, or it fails.
    """
    if not isinstance(batch, Mapping):
        raise ValueError(
            f"a Hugging Face network takes dictionaries of named arrays (input_ids, labels "
            f"…); the data give {describe(batch)}. Name the arrays, or give a loss or an "
            "objective."
        )
    known = _arguments(model)
    surplus = [name for name in batch if name not in known]
    left_out = f"entries that the network does not take, left out: {few(surplus, 8)}"
    notes: tuple[str, ...] = (left_out,) if surplus else ()
    by_labels = _needs_labels(model, batch)

    def given(batch: Nest, *, labels: bool) -> dict[str, Any]:
        return {k: v for k, v in batch.items() if k in known and (k != LABELS or labels)}

    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with told_as_users(model), torch.enable_grad():
            found = _form_of(model, batch, given)
    except UserCodeError as error:
        raise ValueError(f"the network cannot be run on the data: {error}") from error
    finally:
        for module, mode in modes:  # each its own: a part may be held in eval mode
            module.training = mode
    kind = type(_base(model)).__name__
    if found is not None:
        objective = OwnLoss(kind, found, lambda batch: given(batch, labels=by_labels))
        notes = (f"the loss is the network's own: {found.name}", *notes)
        if found.pair is _at_each and _are_inputs(batch):
            notes += ("labels are the input's own tokens, each at its place: is that the task?",)
        return objective, notes

    def whole(model: nn.Module, batch: Nest) -> Value:
        count = _count(batch)
        return model(**given(batch, labels=True)).loss * count, count

    read = "the loss is what the network returns as such, a mean weighted by its number of labels"
    return Objective(whole, name=f"{kind}'s own loss"), (read, *notes)


def _form_of(
    model: nn.Module, batch: Mapping[str, Any], given: Callable[..., dict[str, Any]]
) -> _Form | None:
    """The form whose value and slope by the logits are those of the network's own loss."""
    inputs, labels = given(batch, labels=True), batch.get(LABELS)
    if isinstance(labels, Tensor) and labels.ndim == 2 and not _needs_labels(model, batch):
        logits = getattr(model(**given(batch, labels=False)), "logits", None)
        if isinstance(logits, Tensor) and logits.shape == labels.shape:
            inputs[LABELS] = labels.to(logits.dtype)  # a row of 0 and 1, or of numbers
    output = model(**inputs)
    own, logits = getattr(output, "loss", None), getattr(output, "logits", None)
    if not isinstance(own, Tensor):
        held = ", ".join(batch)
        raise ValueError(
            f"{type(_base(model)).__name__} computes no loss of entries {held}: give it "
            f"'{LABELS}', or a --loss or --objective of your own; without a head there is none."
        )
    if not bool(torch.isfinite(own).all()):
        raise ValueError(
            f"{type(_base(model)).__name__} computes a loss of {own.item()} of the first examples. "
            f"Are their {LABELS} all {IGNORED}, which asks for nothing?"
        )
    if not isinstance(labels, Tensor) or not isinstance(logits, Tensor):
        return None
    slope = _slope(own, logits)
    for form in _FORMS:
        pair = form.pair(logits, labels)
        if slope is None or pair is None:
            continue
        totals, weights = form.terms(pair)
        value = totals.sum() / weights.sum()
        if _is_close(value, own) and _is_close(_slope(value, logits), slope):
            return form
    return None


def _slope(value: Tensor, logits: Tensor) -> Tensor | None:
    (slope,) = torch.autograd.grad(value, logits, retain_graph=True, allow_unused=True)
    return slope


def _is_close(one: Tensor | None, other: Tensor) -> bool:
    return one is not None and bool((one - other).norm() <= _CLOSE * other.norm())


def _base(model: nn.Module) -> nn.Module:
    """The network itself, within one that adapts it."""
    inner: nn.Module = getattr(model, "get_base_model", lambda: model)()
    return inner


def _arguments(model: nn.Module) -> set[str]:
    return set(inspect.signature(_base(model).forward).parameters)


def _needs_labels(model: nn.Module, batch: Mapping[str, Any]) -> bool:
    """Whether the decoder's inputs are made of the labels."""
    config = getattr(model, "config", None)
    made = not batch.keys() & {"decoder_input_ids", "decoder_inputs_embeds"}
    return bool(getattr(config, "is_encoder_decoder", False)) and made


def _are_inputs(batch: Mapping[str, Any]) -> bool:
    ids, labels = batch.get("input_ids"), batch[LABELS]
    if not isinstance(ids, Tensor) or ids.shape != labels.shape:
        return False
    return bool(((ids == labels) | (labels == IGNORED)).all())


def _count(batch: Mapping[str, Any]) -> float:
    labels = batch.get(LABELS)
    if isinstance(labels, Tensor) and labels.ndim > 1 and not labels.is_floating_point():
        return float((labels != IGNORED).sum())
    return float(num_rows(batch) or 1)
