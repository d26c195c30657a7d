"""Data: Fashion-MNIST, ``.npz`` arrays and factories, as tensors with digests."""

from landscape.data.dataset import Dataset
from landscape.data.opening import open_dataset
from landscape.data.selection import random_order, select_examples

__all__ = ["Dataset", "open_dataset", "random_order", "select_examples"]
