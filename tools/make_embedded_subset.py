"""Make landscape/data/embedded/fashion_mnist.npz from a full copy of Fashion-MNIST.

    python tools/make_embedded_subset.py [--data-dir FOLDER] [--check]

Each class gives the same number of images, drawn by ``SEED`` from the split's own order; training
images from the 20,000 of the published protocol's subset only, so that networks trained on that
subset have seen every embedded training image. The choice is a function of the seeds and the
labels alone, so anyone can repeat it; ``--check`` compares the shipped file with what would be
made, and writes nothing.
"""

import argparse
import io
import sys
from pathlib import Path

import numpy as np

from landscape.data.fashion_mnist import NUM_CLASSES, find_copy
from landscape.data.idx import read_labelled_images
from landscape.data.selection import random_order
from landscape.files import write_atomic

SEED = 2411_18250
SIZES = {"train": 5_000, "test": 1_000}
PROTOCOL_SUBSET = {"train": (20_000, 42)}  # size and seed: the default of landscape train
TARGET = Path(__file__).parents[1] / "landscape" / "data" / "embedded" / "fashion_mnist.npz"


def choose(
    labels: np.ndarray, per_class: int, split_number: int, allowed: np.ndarray
) -> np.ndarray:
    """Choose ``per_class`` of the ``allowed`` indices of each class, shape (10 per_class,)."""
    chosen = []
    for label in range(NUM_CLASSES):
        members = allowed[labels[allowed] == label]
        order = random_order(len(members), SEED, split_number, label)
        chosen.append(members[order[:per_class]])
    return np.sort(np.concatenate(chosen))


def make(data_dir: Path | None) -> dict[str, np.ndarray]:
    """Draw the subset: images uint8 (N, 28, 28), labels uint8 (N,), indices uint16 (N,)."""
    arrays = {}
    for number, (split, size) in enumerate(SIZES.items()):
        copy = find_copy(split, data_dir)
        if copy is None:
            sys.exit("no full copy of Fashion-MNIST was found: landscape data fetch fashion-mnist")
        images, labels = read_labelled_images(copy.images, copy.labels, NUM_CLASSES)
        count, *seed = PROTOCOL_SUBSET.get(split, (len(labels), 0))
        allowed = np.sort(random_order(len(labels), *seed)[:count])
        indices = choose(labels, size // NUM_CLASSES, number, allowed)
        arrays[f"{split}_images"] = images[indices]
        arrays[f"{split}_labels"] = labels[indices]
        arrays[f"{split}_indices"] = indices.astype(np.uint16)
    return arrays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, help="folder of the four IDX files")
    parser.add_argument("--check", action="store_true", help="compare with the shipped file")
    options = parser.parse_args()
    arrays = make(options.data_dir)
    if options.check:
        with np.load(TARGET) as shipped:
            same = set(shipped.files) == set(arrays) and all(
                np.array_equal(shipped[name], array) for name, array in arrays.items()
            )
        sys.exit(0 if same else f"{TARGET} differs from what this script makes")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_atomic(TARGET, buffer.getvalue())
    print(f"{TARGET}: {len(buffer.getvalue()):,} bytes")


if __name__ == "__main__":
    main()
