"""A probe in Lightning: ``Trainer(callbacks=[ProbeCallback(landscape.Probe(loss, data))])``.

Its numbers go to the trainer's loggers as ``probe/lambda_max`` and so on, its file into the
trainer's folder.
"""

from typing import Any

from landscape.extras import library
from landscape.probe.probe import Probe

_Callback: Any = library("lightning.pytorch", "a probe in Lightning").Callback


class ProbeCallback(_Callback):  # type: ignore[misc]
    """Calls a probe after each step of the first optimiser.

    The loss is one of the module's outputs, or a function of (module, batch).
    """

    def __init__(self, probe: Probe) -> None:
        self.probe = probe

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        self.probe.in_folder(trainer.log_dir or trainer.default_root_dir)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *others: Any) -> None:
        # Batches whose gradients are accumulated share a step, and the first of them is measured.
        optimizer = trainer.optimizers[0] if trainer.optimizers else None
        values = self.probe(pl_module, trainer.global_step, optimizer)
        if values is not None:
            for logger in trainer.loggers:
                logger.log_metrics(values.scalars("probe/"), step=values.step)
