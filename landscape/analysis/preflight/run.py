"""The preflight: what must hold before a spectrum means anything, each with what to do if not."""

from collections.abc import Callable, Sequence

from torch import nn

from landscape.analysis.preflight.invariance import invariances
from landscape.analysis.preflight.operator import (
    DETERMINISTIC,
    LINEAR,
    SYMMETRIC,
    derivative_of_gradient,
    deterministic,
    linear,
    noise_floor,
    predicts_loss,
    symmetric,
    verdict,
)
from landscape.analysis.progress import Progress
from landscape.analysis.provenance import start_clock
from landscape.analysis.target import Target
from landscape.curvature.operators import make_operator
from landscape.curvature.perturbation import example_losses
from landscape.distributed import all_reduce_sum, from_main
from landscape.linalg.probes import sphere
from landscape.memory import free_memory
from landscape.nests import Nest
from landscape.objective.batches import cut_to
from landscape.objective.risk import EmpiricalRisk
from landscape.results import MOVES, Check, Preflight
from landscape.snn.adapters import num_bare_batch_norms

FEW = 64  # examples that the operator is checked on
_NEEDED = (DETERMINISTIC, SYMMETRIC, LINEAR)  # before eigenvalues of moved weights mean anything
# Of all weights, while they are moved: as they are, shaken, moved, two gradients, four scales.
_COPIES = 12
_FITTED = 1e-12  # a loss below this is zero: the example's outputs equal its targets


def preflight(
    target: Target, *, operator_name: str, moves: bool = True, progress: Progress
) -> Preflight:
    """Run every check on ``target``; some ten matvecs on a few examples, in two precisions.

    The weights are then moved along each symmetry that the network has, and traces compared: some
    hundred gradients on fewer. With ``moves`` the largest eigenvalues too: some hundred matvecs.

    Raises
    ------
    ValueError
        If the operator cannot be built for this network.
    """
    clock = start_clock()
    small = target.risk.on(_few(target.risk))
    A = make_operator(small, operator_name, graph_budget=0)
    u, v = (sphere(A, target.generator(f"preflight {name}")).to(A.dtype) for name in "uv")
    # A step, and whether it can be made of a random loss: checks of the operator would blame the
    # derivatives, or the precision.
    steps: list[tuple[Callable[[], list[Check]], bool]] = [
        (lambda: [_loaded(target), _loss(target), _additive(target)], True),
        (lambda: [deterministic(small, A, u)], True),
        (lambda: [symmetric(A, u, v), linear(A, u, v)], False),
        (lambda: [derivative_of_gradient(target, operator_name)], False),
        (lambda: predicts_loss(target, operator_name), False),
        (lambda: [_gradient(target), _fitted(target)], True),
        (lambda: [_modes(target), _unused(target)], True),
        (
            lambda: [noise_floor(small, operator_name, A, u, spiking=target.subject.spiking)],
            False,
        ),
    ]
    checks: list[Check] = []
    for done, (step, of_random) in enumerate(steps):
        progress(done, len(steps))
        random = any(c.name == DETERMINISTIC and c.status == "fail" for c in checks)
        checks += step() if of_random or not random else []
    sound = all(c.status != "fail" for c in checks if c.name in _NEEDED)
    left_out = too_large_to_move(target) if sound else [_left_out("the operator failed its checks")]
    checks += left_out
    moved = () if left_out else invariances(target, operator_name, eigenvalues=moves)
    progress(len(steps), len(steps))
    return Preflight(
        subject=target.subject,
        provenance=clock.provenance_of(target, A.num_matvecs),
        checks=tuple(checks),
        invariances=moved,
    )


def too_large_to_move(target: Target) -> list[Check]:
    """A note where moved copies of the weights do not fit into memory; nothing where they do."""
    num_params = sum(w.numel() for w in target.risk.values.values())
    needed = _COPIES * 8 * num_params
    free = from_main(lambda: free_memory(target.risk.device))  # one answer for all processes
    if needed <= free:
        return []
    return [
        _left_out(
            f"copies of the weights in float64 take {needed / 2**30:.3g} GiB, of which "
            f"{free / 2**30:.3g} are free"
        )
    ]


def _left_out(why: str) -> Check:
    return Check(
        name=MOVES,
        status="note",
        value=f"left out: {why}",
        advice="Without a certificate, measures count as invariant by their kind alone.",
    )


def _few(risk: EmpiricalRisk) -> Sequence[Nest]:
    """The first examples, enough to show what code does; the first batch where it stays whole."""
    first = risk.batches[:1]
    if not first or not risk.is_cut_by_rows or risk.coupled_by is not None:
        return first
    return cut_to(first[0], FEW, risk.objective)[:1]


def _loaded(target: Target) -> Check:
    s = target.subject
    notes = f"; {len(s.notes)} note{'s' * (len(s.notes) > 1)}" if s.notes else ""
    return Check(name="loads completely", status="pass", value=f"{s.model}{notes}")


def _loss(target: Target) -> Check:
    s = target.subject
    told = s.training.train_loss if s.training else None
    accuracy = "" if s.accuracy is None else f", accuracy {s.accuracy:.4f}"
    beside = "" if told is None else f" (trained to {told:.4g})"
    # A subset of the training data scatters about the whole; three times the loss does not.
    good = not told or s.split != "train" or s.loss < 3 * told + 1e-3
    good = good and not target.doubt
    return verdict(
        "loss and accuracy",
        good,
        f"{s.loss:.6g}{accuracy}{beside}" + (f"; {target.doubt}" if target.doubt else ""),
        "Is it the right data, preprocessing (pixel/255?) and loss for these weights?",
    )


def _additive(target: Target) -> Check:
    found = target.additivity
    return Check(
        name="loss adds up over examples",
        status="pass" if found.checked else "note",
        value="a batch, its halves and its reverse agree"
        if found.checked
        else f"not checked: {found.reason}",
        advice="A mean over other things than examples needs their count, a coupled loss whole "
        "batches (docs/your-model.md).",
    )


def _gradient(target: Target) -> Check:
    s, weights = target.subject, float(target.risk.theta.norm())
    return Check(
        name="gradient norm",
        status="note",
        value=f"{s.grad_norm:.3g}; times the weights' norm, ‖θ‖ = {weights:.3g}: "
        f"{s.grad_norm * weights:.3g}",
        advice="Far from zero, the point is no minimum: eigenvalues describe a slope.",
    )


def _fitted(target: Target) -> Check:
    losses = example_losses(target.risk, target.risk.theta)
    fitted = all_reduce_sum((losses.totals < _FITTED).double().sum().reshape(1))
    share = float(fitted) / target.risk.num_examples
    return Check(
        name="exactly fitted examples",
        status="note",
        value=f"{share:.1%} of {target.risk.num_examples}",
        advice="They add Gauss-Newton curvature only; if all are, H is PSD and of low rank.",
    )


def _modes(target: Target) -> Check:
    modules = list(target.model.modules())
    with target.risk.swapped(target.risk.layout.split(target.risk.theta)):  # in the mode of use
        drops = [m for m in modules if isinstance(m, nn.modules.dropout._DropoutNd)]
        active = sum(m.training and m.p > 0 for m in drops)
    norms = sum(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in modules)
    bare = num_bare_batch_norms(target.model)
    name = "batch norm and dropout"
    of_batch = f", {bare} of them on each batch's statistics in any mode" if bare else ""
    value = (
        f"{norms} batch norms in {target.risk.batch_norm} mode{of_batch}, {len(drops)} dropouts, "
        f"{active} active"
    )
    if bare and not active:
        return Check(
            name=name,
            status="note",
            value=value,
            advice="Batch norms without running statistics make the examples of a batch depend on "
            "one another: results depend on --batch-size, and there is no fisher.",
        )
    return verdict(name, active == 0, value, "Dropout must be off: the loss would be random.")


def _unused(target: Target) -> Check:
    gradient = target.risk.gradient()
    unused = [n for n, where in target.risk.layout.slices.items() if not gradient[where].any()]
    frozen = target.subject.num_frozen
    named = f": {', '.join(unused[:4])}" if unused else ""
    return Check(
        name="unused and frozen parameters",
        status="note",
        value=f"{len(unused)} tensors without gradient{named}; {frozen:,} frozen parameters",
        advice="Unused ones have zero curvature; frozen ones are left out.",
    )
