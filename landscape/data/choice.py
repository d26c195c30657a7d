"""Which examples of the data are wanted, in the words of who asks."""

from landscape.catalog.words import MOST_EXAMPLES
from landscape.data.source import Told


class Choice:
    """Which examples of the data are wanted, and how they are held.

    Parameters
    ----------
    examples
        N: a random subset of data that can be drawn from, the first N of a stream; ``START:STOP``
        in the data's order; ``all``; None: up to 1,000.
    seed
        Of the random subset, and of the random numbers that reading draws.
    keep
        ``memory``, or ``reread``: streams are read again at each pass.
    told
        Hears how far the reading of a stream is; None: nobody does.
    at_most
        Whether data that hold fewer than N examples are taken whole; else they are refused.
    """

    def __init__(
        self,
        *,
        split: str,
        examples: str | int | None,
        seed: int,
        keep: str = "memory",
        told: Told | None = None,
        at_most: bool = False,
    ) -> None:
        self.split, self.examples, self.seed, self.keep = split, examples, seed, keep
        self.told = told or (lambda done, total: None)
        self.at_most = at_most

    def rows(self, available: int) -> str | int | None:
        """What to select of this many examples."""
        wanted = MOST_EXAMPLES if self.examples is None else self.examples
        is_bound = self.examples is None or self.at_most
        is_all = is_bound and str(wanted).isdecimal() and int(wanted) >= available
        return None if is_all or wanted == "all" else wanted

    def most(self) -> int | None:
        """How many of a stream to read; None: all of it.

        Raises
        ------
        ValueError
            If they do not start with the first.
        """
        if self.examples is None:
            return MOST_EXAMPLES
        text = str(self.examples)
        start, colon, stop = text.rpartition(":")
        if text == "all" or (colon and not stop):
            wanted = None
        elif stop.isdecimal() and int(stop) > 0:
            wanted = int(stop)
        else:
            raise ValueError(f"examples must be a number N, START:STOP or all; got {text!r}.")
        if start not in ("", "0"):
            raise ValueError(
                f"examples {text} start in the middle of data that are read in order, in whole "
                "batches. Give N or :N, the first N; or data that can be drawn from: arrays, a "
                "Dataset."
            )
        return wanted
