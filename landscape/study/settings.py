"""Which part of a study is worked through, and on what; without torch, so that --help is quick."""

from dataclasses import dataclass
from pathlib import Path

from landscape.settings import parse_shard, setting


@dataclass(frozen=True, kw_only=True)
class QueueSettings:
    """Which part of the queue is worked through, and how.

    Attributes
    ----------
    jobs
        Processes side by side; 1 works in this process.
    shard
        (i, n): runs i, i + n, … of the plan, i from 1; they belong to this process alone. None:
        all.
    retry_failed
        Go on with runs that failed before.
    force
        Start the whole study anew.
    """

    jobs: int = 1
    shard: tuple[int, int] | None = setting(
        None, metavar="I/N", parse=parse_shard, help="Work on every N-th run, from the I-th."
    )
    retry_failed: bool = setting(False, help="Go on with runs that failed before.")
    force: bool = setting(False, help="Start anew: delete the runs of an earlier study.")

    def __post_init__(self) -> None:
        i, n = self.shard or (1, 1)
        if not 1 <= i <= n:
            raise ValueError(f"shard must be i/n with 1 <= i <= n, for example 1/4; got {i}/{n}.")
        if self.jobs < 1:
            raise ValueError(f"jobs must be at least 1; got {self.jobs}.")
        if self.force and n > 1:
            raise ValueError(
                "force would delete what other shards have done; delete the folder, or start anew "
                "without a shard."
            )


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What may differ from one machine of a study to another."""

    num_threads: int = setting(
        1,
        "--threads",
        minimum=1,
        help="Of each process. Their number enters the last digits of all numbers.",
    )
    data_dir: Path | None = setting(None, help="Folder of the data set's files.")
    device: str = setting("cpu")
    command: str = ""
