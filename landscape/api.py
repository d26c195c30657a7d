"""The Python API: a network, a loss and data in; numbers, figures and a report out.

::

    import landscape

    found = landscape.analyze(model, "cross-entropy", (x, y), budget="quick")
    print(found)  # in a notebook, ``found`` alone shows a table
    found.plot_density()
    found.report("reports/mine")
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from torch import nn

from landscape.analysis.budget import BUDGETS, STANDARD
from landscape.analysis.opening import target_in_memory
from landscape.analysis.progress import Progress, quiet
from landscape.analysis.suite import run_analyses
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.catalog import ANALYSES
from landscape.findings import Findings
from landscape.objective.named import objective_of
from landscape.objective.objective import Objective
from landscape.results import Result

__all__ = ["Findings", "analyze"]


def analyze(
    model: nn.Module,
    loss: str | Callable[..., Any] | Objective | None = None,
    data: Any = None,
    *,
    objective: Callable[..., Any] | Objective | None = None,
    label: str | None = None,
    budget: str = STANDARD,
    only: Sequence[str] | None = None,
    skip: Sequence[str] = (),
    all_layers: bool = SuiteSettings.all_layers,
    operator: str = SuiteSettings.operator,
    params: str = "*",
    weight_decay: float = SuiteSettings.weight_decay,
    surrogate: Sequence[str] = (),
    layout: str | None = TargetSettings.layout,
    time_steps: int | None = TargetSettings.time_steps,
    readout: str | Callable[..., Any] | None = TargetSettings.readout,
    examples: int | str | None = None,
    split: str = TargetSettings.split,
    keep: str = TargetSettings.keep,
    batch_size: int = TargetSettings.batch_size,
    batch_norm: str = TargetSettings.batch_norm,
    dtype: str = TargetSettings.dtype,
    device: str = TargetSettings.device,
    seed: int = TargetSettings.seed,
    copy: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> Findings:
    """Analyse a network in memory, as ``landscape analyze`` does one in a file.

    While it is evaluated, the network holds the tensors of the analysis in place of its own; after
    each evaluation it is as it was: weights, mode, gradients, neurons' state, hooks.

    Parameters
    ----------
    model
        Spiking or not; parameters that need no gradient are held fixed.
    loss
        ``cross-entropy``, ``mse``, ``nll``, a loss module, a function of (outputs, targets), which
        gets what the network returned and gives one value an example or their mean; or an
        ``Objective``.
    data
        (x, y), or other arrays with one row an example; a ``Dataset``; a ``DataLoader`` or other
        iterable of batches; a function that makes one of these; a dict of these by split; a path or
        name as after ``--data``. Batches reach an objective exactly as the data give them.
    objective
        In place of ``loss``: a function of (model, batch), or an ``Objective``.
    budget
        ``quick``, ``standard`` or ``thorough``.
    only, skip
        Names of analyses: preflight, spectrum, scaled, layers, line, plane, sharpness, fidelity,
        robustness, activity, surrogates. Robustness is left out unless it is named, or the budget
        is ``thorough``; the last, unless it is named or a ``surrogate`` is. Activity is of spiking
        networks.
    all_layers
        A row for each layer, where a budget would join them, whatever it costs.
    params
        Globs of the names of the parameters that are varied, comma-separated; ``!GLOB`` excludes.
    surrogate
        Of a spiking network: the same weights under each of these, as ``["atan(alpha=2)",
        "sigmoid"]``, side by side.
    layout
        ``T-first`` or ``N-first``: where a spiking network has time, in inputs and outputs.
    time_steps
        T: a network whose call is one time step is called so often; with ``layout``, inputs are
        repeated.
    readout
        What the loss gets of outputs over time: ``rate``, ``mem_mean``, ``mem_max``, ``last``, or a
        function of what the network returns, with time on the first axis.
    examples
        N (a random subset; of data that are read in order the first N), ``START:STOP`` or ``all``;
        None: up to 1,000.
    keep
        ``memory``, or ``reread``: data that are read in order are read again at each pass.
    copy
        Work on a copy of the network, for instance because another thread uses it meanwhile. A
        loss that closes over the network then sees the original.
    progress
        Called with (name of the analysis, done, total), and while data are read in order with
        ("data", examples, examples asked for, or those so far); None: nothing is said.

    Raises
    ------
    ValueError
        If an argument is out of range, or network, loss and data do not fit one another.
    """
    if any(isinstance(given, str) for given in (only, skip, surrogate)):
        raise ValueError(
            "only, skip and surrogate must be lists of names, such as ['spectrum', 'layers']."
        )
    if budget not in BUDGETS:
        raise ValueError(f"budget must be one of {', '.join(BUDGETS)}; got {budget!r}.")
    suite = SuiteSettings(
        budget=BUDGETS[budget],
        operator=operator,
        params=params,
        weight_decay=weight_decay,
        all_layers=all_layers,
        surrogates=tuple(surrogate),
    )
    asked = [*(suite.budget.unasked if only is None else only), *suite.implied]
    if unknown := [name for name in (*asked, *skip) if name not in ANALYSES]:
        known = ", ".join(ANALYSES)
        raise ValueError(f"analyses must be some of {known}; got {', '.join(unknown)}.")
    names = [name for name in ANALYSES if name in asked and name not in skip]
    if not names:
        raise ValueError("only and skip leave no analysis to run; ask for at least one.")
    settings = TargetSettings(
        layout=layout,
        time_steps=time_steps,
        readout=readout if isinstance(readout, str) else None,
        examples=None if examples is None else str(examples),
        split=split,
        keep=keep,
        batch_size=batch_size,
        batch_norm=batch_norm,
        dtype=dtype,
        device=str(device),  # a torch.device too
        seed=seed,
        command="landscape.analyze",
    )

    def read(done: int, total: int | None) -> None:
        if progress is not None:
            progress("data", done, done if total is None else total)

    target = target_in_memory(
        model,
        objective_of(loss, objective),
        data,
        settings,
        label=label,
        params=params,
        copy=copy,
        readout=None if isinstance(readout, str) else readout,
        told=read,
    )

    def reported(name: str) -> AbstractContextManager[Progress]:
        return nullcontext(quiet if progress is None else partial(progress, name))

    results: dict[str, Result] = {}
    for _, found in run_analyses(target, suite, names, progress=reported):
        results |= found
    return Findings(results)
