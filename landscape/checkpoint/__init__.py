"""Checkpoint files: recognise, load safely, unwrap, match to a model; write one's own."""

from landscape.checkpoint.errors import CheckpointError
from landscape.checkpoint.infer import infer_model
from landscape.checkpoint.inspection import CheckpointInfo, inspect_checkpoint
from landscape.checkpoint.load import Checkpoint, load_checkpoint
from landscape.checkpoint.match import check_range, load_into
from landscape.checkpoint.models import BUILTIN_MODELS, build_model, model_of, model_spec
from landscape.checkpoint.optimizer_state import OptimizerState, find_optimizer
from landscape.checkpoint.save import save_checkpoint
from landscape.checkpoint.sidecar import DataSpec, Metrics, Sidecar, TrainingSpec

__all__ = [
    "BUILTIN_MODELS",
    "Checkpoint",
    "CheckpointError",
    "CheckpointInfo",
    "DataSpec",
    "Metrics",
    "OptimizerState",
    "Sidecar",
    "TrainingSpec",
    "build_model",
    "check_range",
    "find_optimizer",
    "infer_model",
    "inspect_checkpoint",
    "load_checkpoint",
    "load_into",
    "model_of",
    "model_spec",
    "save_checkpoint",
]
