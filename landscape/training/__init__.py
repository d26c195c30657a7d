"""Training: a frozen ``TrainConfig`` in, a checkpoint that describes itself out."""
