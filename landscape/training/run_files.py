"""The files of one training, and what those of an earlier run allow."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from landscape.checkpoint.sidecar import read_sidecar, sidecar_path
from landscape.files import sha256_of_file
from landscape.training.config import TrainConfig, differences
from landscape.training.state import RunState, read_state

_ANEW = "Choose another output with -o, or start anew with --force, which deletes it."


@dataclass(frozen=True)
class RunFiles:
    """Where a training writes, given its checkpoint ``NAME.safetensors``."""

    checkpoint: Path

    def __post_init__(self) -> None:
        if self.checkpoint.suffix != ".safetensors":
            raise ValueError(
                f"the output must end in .safetensors; got {self.checkpoint}. Rename it."
            )

    @property
    def metrics(self) -> Path:
        return self.checkpoint.with_suffix(".metrics.jsonl")

    @property
    def probe(self) -> Path:
        return self.checkpoint.with_suffix(".probe.jsonl")

    @property
    def resume(self) -> Path:
        return self.checkpoint.with_suffix(".resume")

    @property
    def lock(self) -> Path:
        return self.checkpoint.with_name(f".{self.checkpoint.stem}.lock")

    def snapshot(self, epoch: int) -> Path:
        return self.checkpoint.with_suffix(".snapshots") / f"{epoch:03d}.safetensors"

    def clear(self) -> None:
        """Delete all of them but the lock."""
        shutil.rmtree(self.snapshot(0).parent, ignore_errors=True)
        sidecar = sidecar_path(self.checkpoint)
        for path in (self.resume, self.metrics, self.probe, self.checkpoint, sidecar):
            path.unlink(missing_ok=True)

    def is_finished(self, config: TrainConfig) -> bool:
        """Whether the checkpoint is there, of ``config`` and of its last epoch.

        Raises
        ------
        ValueError
            It is there but of something else: it is not overwritten.
        """
        if not self.checkpoint.exists():
            return False
        if self.resume.exists():
            return False
        sidecar = read_sidecar(self.checkpoint)
        if sidecar is None or sidecar.weights_sha256 != sha256_of_file(self.checkpoint):
            raise ValueError(f"{self.checkpoint} exists and no training left it so. {_ANEW}")
        _require_same(TrainConfig.from_dict(sidecar.config), config, self.checkpoint)
        if sidecar.training.epoch < config.epochs:
            raise ValueError(
                f"{self.checkpoint} is of epoch {sidecar.training.epoch} of {config.epochs}, and "
                f"{self.resume.name}, which would allow going on, is gone. {_ANEW}"
            )
        return True

    def read_state(self, config: TrainConfig) -> RunState | None:
        """Read where to go on from; None: from the start.

        Raises
        ------
        ValueError
            It is damaged, or of another configuration.
        """
        if not self.resume.exists():
            return None
        state = read_state(self.resume)
        _require_same(state.config, config, self.resume)
        return state


def _require_same(old: TrainConfig, new: TrainConfig, path: Path) -> None:
    if difference := differences(old, new):
        raise ValueError(f"{path} is of another configuration ({difference}). {_ANEW}")
