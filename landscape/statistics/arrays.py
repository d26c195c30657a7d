"""What the tests take: finite samples, refused at the door when they are not."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]  # shape (n,)
Table = NDArray[np.float64]  # shape (n, K): a row a run, a column a data shard


def as_vector(name: str, values: ArrayLike, *, minimum: int) -> Vector:
    """Return ``values`` as float64 of shape (n,), n >= ``minimum``, all finite."""
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1 or len(vector) < minimum:
        raise ValueError(
            f"{name} must be a vector of at least {minimum} numbers, one a run; "
            f"got shape {vector.shape}."
        )
    _refuse_nonfinite(name, vector)
    return vector


def as_table(name: str, values: ArrayLike, *, minimum: int) -> Table:
    """Return ``values`` as float64 of shape (n, K), n >= ``minimum``, K >= 1, all finite."""
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < minimum or table.shape[1] < 1:
        raise ValueError(
            f"{name} must have shape (runs, shards) with at least {minimum} runs and 1 shard; "
            f"got shape {table.shape}."
        )
    _refuse_nonfinite(name, table)
    return table


def as_stderrs(name: str, values: ArrayLike, *, like: Table) -> Table:
    """Return ``values`` as probe standard errors, non-negative, in the shape of ``like``."""
    stderrs = as_table(name, values, minimum=1)
    if stderrs.shape != like.shape:
        raise ValueError(f"{name} must have shape {like.shape}, one a value; got {stderrs.shape}.")
    if (stderrs < 0).any():
        raise ValueError(f"{name} must not be negative; the smallest is {stderrs.min():g}.")
    return stderrs


def _refuse_nonfinite(name: str, values: NDArray[np.float64]) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        where = tuple(int(i) for i in bad[0])
        raise ValueError(
            f"{name} must be finite; entry {where} is {values[where]}. Drop that run or repair it."
        )
