"""A probe in transformers' Trainer: ``trainer.add_callback(ProbeCallback(probe, trainer.log))``.

Its numbers go through ``trainer.log`` to whatever the trainer reports to, as ``probe/lambda_max``
and so on, its file into the trainer's folder.
"""

from collections.abc import Callable
from typing import Any

from landscape.extras import library
from landscape.probe.probe import Probe

_Callback: Any = library("transformers", "a probe in transformers' Trainer").TrainerCallback


class ProbeCallback(_Callback):  # type: ignore[misc]
    """Calls a probe after each step of the optimiser.

    Parameters
    ----------
    probe
        With the objective None it measures the network's own loss.
    log
        Takes the numbers: ``trainer.log``; None: they are in the probe's file only.
    """

    def __init__(self, probe: Probe, log: Callable[[dict[str, float]], None] | None = None) -> None:
        self.probe, self.log = probe, log
        self._untold: dict[str, float] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        self.probe.in_folder(args.output_dir)

    def on_step_end(
        self, args: Any, state: Any, control: Any, *, model: Any, optimizer: Any, **others: Any
    ) -> None:
        values = self.probe(model, state.global_step, optimizer)
        if values is not None:
            self._untold = values.scalars("probe/")

    def on_step_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        self._tell()

    def on_train_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        self._tell()

    def _tell(self) -> None:
        """Not at the end of a step: what is logged there takes the place of the trainer's own."""
        if self._untold and self.log is not None:
            self.log(self._untold)
        self._untold = {}
