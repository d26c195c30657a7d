"""Write a checkpoint: safetensors with its sidecar, so that both are always of one moment."""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from torch import Tensor

from landscape.checkpoint.sidecar import EMBEDDED_SIDECAR, Sidecar, sidecar_path
from landscape.files import write_atomic


def save_checkpoint(path: Path, state: Mapping[str, Tensor], sidecar: Sidecar) -> None:
    """Write ``state`` to ``path`` (``.safetensors``) and ``sidecar`` beside it (``.json``).

    Each file is replaced as a whole. The sidecar is also kept inside the weights' file, so that
    a run that is killed between the two writes leaves a checkpoint that still describes itself.

    Raises
    ------
    ValueError
        If ``path`` does not end in ``.safetensors``, or the sidecar holds NaN or infinity.
    landscape.files.OutputError
        If the folder is read-only or full; the earlier files are then still whole.
    """
    if path.suffix != ".safetensors":
        raise ValueError(f"path must end in .safetensors; got '{path}'. Rename the output.")
    unsigned = dataclasses.replace(sidecar, weights_sha256="")
    # Cloned, because safetensors refuses tensors that share memory (tied weights, views).
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    data = safetensors.torch.save(tensors, metadata={EMBEDDED_SIDECAR: unsigned.to_json()})
    digest = hashlib.sha256(data).hexdigest()
    signed = dataclasses.replace(sidecar, weights_sha256=digest).to_json()
    write_atomic(path, data)
    write_atomic(sidecar_path(path), signed)
