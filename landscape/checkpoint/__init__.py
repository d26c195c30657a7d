"""Checkpoint files: recognise, load safely, unwrap, match to a model; write one's own."""

from landscape.checkpoint.adapter import load_adapter, with_adapter
from landscape.checkpoint.errors import CheckpointError
from landscape.checkpoint.hugging_face import folder_of
from landscape.checkpoint.infer import infer_model
from landscape.checkpoint.inspection import CheckpointInfo, inspect_checkpoint
from landscape.checkpoint.load import Checkpoint, load_checkpoint
from landscape.checkpoint.match import check_range, load_into
from landscape.checkpoint.models import BUILTIN_MODELS, build_model, model_of, model_spec
from landscape.checkpoint.save import save_checkpoint
from landscape.checkpoint.sidecar import DataSpec, Metrics, Sidecar, TrainingSpec

__all__ = [
    "BUILTIN_MODELS",
    "Checkpoint",
    "CheckpointError",
    "CheckpointInfo",
    "DataSpec",
    "Metrics",
    "Sidecar",
    "TrainingSpec",
    "build_model",
    "check_range",
    "folder_of",
    "infer_model",
    "inspect_checkpoint",
    "load_adapter",
    "load_checkpoint",
    "load_into",
    "model_of",
    "model_spec",
    "save_checkpoint",
    "with_adapter",
]
