"""The Python API: a network, a loss and data in; numbers, figures and a report out.

::

    import landscape

    found = landscape.analyze(model, "cross-entropy", (x, y), budget="quick")
    print(found)  # in a notebook, ``found`` alone shows a table
    found.plot_density()
    found.report("reports/mine")
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import nn

from landscape.analysis.budget import BUDGETS
from landscape.analysis.in_memory import LossLike, copied, dataset_of, loss_notes, loss_of
from landscape.analysis.progress import quiet
from landscape.analysis.suite import SUITE, SuiteSettings, run_analysis
from landscape.analysis.target import TargetSettings, make_target
from landscape.data.selection import select_examples
from landscape.findings import Findings
from landscape.results import Result

__all__ = ["Findings", "analyze"]

_MOST_EXAMPLES = 1000  # where nothing is asked for; all where the data hold fewer


def analyze(
    model: nn.Module,
    loss: LossLike,
    data: Any,
    *,
    label: str | None = None,
    budget: str = "standard",
    only: Sequence[str] | None = None,
    skip: Sequence[str] = (),
    all_layers: bool = False,
    operator: str = "hessian",
    weight_decay: float = 0.0,
    examples: int | str | None = None,
    split: str = "train",
    batch_size: int = TargetSettings.batch_size,
    batch_norm: str = TargetSettings.batch_norm,
    dtype: str = TargetSettings.dtype,
    device: str = TargetSettings.device,
    seed: int = TargetSettings.seed,
    progress: Callable[[str, int, int], None] | None = None,
) -> Findings:
    """Analyse a network in memory, as ``landscape analyze`` does one in a file.

    The network is copied and stays as it is: weights, mode, gradients, neurons' state, hooks.

    Parameters
    ----------
    model
        Spiking or not; parameters that need no gradient are held fixed.
    loss
        ``cross-entropy``, ``mse``, ``nll``, a loss module, or a function of (outputs, targets)
        that gives one value an example or their mean.
    data
        (x, y) as tensors or arrays; a path to an ``.npz`` file of x and y, or another name as
        after ``--data``; or batches of (x, y), such as a ``DataLoader``.
    budget
        ``quick``, ``standard`` or ``thorough``.
    only, skip
        Names of analyses: preflight, spectrum, scaled, layers, line, plane, sharpness, fidelity.
    all_layers
        A row for each layer, where a budget would join them, whatever it costs.
    examples
        N (a random subset), ``START:STOP`` or ``all``; None: up to 1,000.
    progress
        Called with (name of the analysis, done, total); None: nothing is said.

    Raises
    ------
    ValueError
        If an argument is out of range, or network, loss and data do not fit one another.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module; got a {type(model).__name__}.")
    if isinstance(only, str) or isinstance(skip, str):
        raise ValueError("only and skip must be lists of names, such as ['spectrum', 'layers'].")
    if budget not in BUDGETS:
        raise ValueError(f"budget must be one of {', '.join(BUDGETS)}; got {budget!r}.")
    asked = list(SUITE) if only is None else list(only)
    if unknown := [name for name in (*asked, *skip) if name not in SUITE]:
        raise ValueError(f"analyses must be some of {', '.join(SUITE)}; got {', '.join(unknown)}.")
    names = [name for name in SUITE if name in asked and name not in skip]
    if not names:
        raise ValueError("only and skip leave no analysis to run; ask for at least one.")
    dataset = dataset_of(data, split=split)
    chosen = min(_MOST_EXAMPLES, len(dataset)) if examples is None else examples
    settings = TargetSettings(
        examples=str(chosen),
        split=split,
        batch_size=batch_size,
        batch_norm=batch_norm,
        dtype=dtype,
        device=device,
        seed=seed,
        command="landscape.analyze",
    )
    target = make_target(
        copied(model),
        loss_of(loss),
        select_examples(dataset, None if chosen == "all" else chosen, seed=seed),
        settings,
        label=label or type(model).__name__,
        notes=loss_notes(loss),
    )
    suite = SuiteSettings(
        budget=BUDGETS[budget],
        operator=operator,
        weight_decay=weight_decay,
        num_shards=0,
        extent=1.0,
        work=None,
        all_layers=all_layers,
    )
    results: dict[str, Result] = {}
    for name in names:
        report = quiet if progress is None else partial(progress, name)
        results |= run_analysis(name, target, suite, results, report)
    return Findings(results)
