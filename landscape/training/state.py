"""What a training needs to go on where it stopped, in one file that is replaced as a whole.

Examples are ordered by (seed, epoch), and what a forward pass draws is of these two as well, so
that weights, optimiser state and the number of epochs done are all there is.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
from torch import Tensor, nn
from torch.optim import Optimizer

from landscape.files import write_atomic
from landscape.training.config import TrainConfig

_KEY = "landscape.training"


class RunState(NamedTuple):
    """A training after a whole number of epochs."""

    config: TrainConfig
    data_sha256: str  # of the training examples
    records: list[dict[str, Any]]  # one an epoch done
    tensors: Mapping[str, Tensor]

    @property
    def weights(self) -> dict[str, Tensor]:
        """The model's state dict."""
        prefix = "model."
        return {
            name.removeprefix(prefix): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(prefix)
        }

    def restore(self, model: nn.Module, optimizer: Optimizer) -> None:
        """Put the weights and the optimiser's state back."""
        model.load_state_dict(self.weights)
        for name, parameter in model.named_parameters():
            for key, tensor in self.tensors.items():
                field, _, of = key.removeprefix("optimizer.").partition(".of.")
                if of == name:
                    optimizer.state[parameter][field] = tensor.to(parameter.device)


def capture(
    model: nn.Module,
    optimizer: Optimizer,
    config: TrainConfig,
    data_sha256: str,
    records: list[dict[str, Any]],
) -> RunState:
    """Copy the state of a training, on its device."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        for field, value in optimizer.state[parameter].items():
            tensors[f"optimizer.{field}.of.{name}"] = value
    copies = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    return RunState(config, data_sha256, list(records), copies)


def write_state(path: Path, state: RunState) -> None:
    """Write ``state`` to ``path``, whole or not at all."""
    record = {
        "config": state.config.to_dict(),
        "data_sha256": state.data_sha256,
        "records": state.records,
    }
    tensors = {name: tensor.cpu().contiguous() for name, tensor in state.tensors.items()}
    metadata = {_KEY: json.dumps(record, allow_nan=False)}
    write_atomic(path, safetensors.torch.save(tensors, metadata=metadata))


def read_state(path: Path) -> RunState:
    """Read what ``write_state`` wrote.

    Raises
    ------
    ValueError
        It is something else, or damaged.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            record = json.loads((file.metadata() or {})[_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        config = TrainConfig.from_dict(record["config"])
        return RunState(config, record["data_sha256"], record["records"], tensors)
    except (safetensors.SafetensorError, KeyError, ValueError, OSError) as error:
        raise ValueError(
            f"{path} is not a training's resume state, or damaged ({error}); delete it and start "
            "anew with --force."
        ) from error
