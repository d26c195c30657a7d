"""Settings of what is analysed, and their defaults; without torch, so that --help is quick."""

import re
from dataclasses import dataclass
from pathlib import Path

from landscape.catalog.words import BATCH_NORMS, DTYPES, KEEPS, LAYOUTS, MOST_EXAMPLES, SPLITS
from landscape.settings import check_settings, setting

_SUFFIXES = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}


def bytes_of(text: str) -> int:
    """A size such as 8G; the suffixes K, M, G and T are powers of 1,024.

    Raises
    ------
    ValueError
        If it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", text.lower())
    if found is None or not float(found[1]) > 0:
        raise ValueError(f"{text!r} is no size; write it like 8G or 512M.")
    return int(float(found[1]) * 2 ** _SUFFIXES[found[2]])


@dataclass(frozen=True, kw_only=True)
class TargetSettings:
    """What decides which function of which parameters is analysed, and what it may take.

    None stands for what the checkpoint's sidecar or its tensors say.
    """

    model: str | None = setting(
        None,
        help="module:factory or file.py:factory[?k=v]; hf:FOLDER of a transformers network; or a "
        "built-in name.",
    )
    adapter: Path | None = setting(
        None,
        metavar="FOLDER",
        help="An adapter by peft (LoRA): the network is held fixed, the adapter is analysed.",
    )
    data: str | None = setting(
        None,
        help="fashion-mnist, arrays.npz, named arrays (.npz, .safetensors), texts (.jsonl, a "
        "datasets folder), module:factory or file.py:factory of arrays, a Dataset, a DataLoader or "
        "other batches.",
    )
    data_dir: Path | None = setting(None, help="Folder of the data set's files.")
    loss: str | None = setting(
        None, help="mse, cross-entropy, nll or module:function(outputs, targets)."
    )
    objective: str | None = setting(
        None,
        help="In place of --loss: file.py:name of a function(model, batch), or of an Objective.",
    )
    layout: str | None = setting(
        None,
        choices=LAYOUTS,
        help="Where the network has time, in what it takes and gives: (T, N, …) or (N, T, …).",
    )
    time_steps: int | None = setting(
        None,
        minimum=1,
        help="T: a network whose call is one step is called so often; with --layout, inputs are "
        "repeated.",
    )
    readout: str | None = setting(
        None,
        help="What the loss gets of outputs over time: rate, mem_mean, mem_max, last or "
        "file.py:function.",
    )
    split: str = setting("train", choices=SPLITS)
    examples: str | None = setting(
        None,
        help="N (a random subset; of batches that are read in order the first N), START:STOP (in "
        f"data-set order) or all.  [default: at most {MOST_EXAMPLES}]",
    )
    keep: str = setting(
        "memory",
        choices=KEEPS,
        help="Batches that are read in order: held in memory, or read again at each pass.",
    )
    batch_size: int = setting(250, minimum=1)
    batch_norm: str = setting(
        "eval",
        "--bn",
        choices=BATCH_NORMS,
        help="Batch norm: running statistics, or those of each batch.",
    )
    dtype: str = setting("float32", choices=DTYPES)
    pairs: tuple[str, ...] = setting(
        (),
        "--pairs",
        metavar="PAIR",
        repeatable=True,
        help="Weights that act by their product alone, for --scale symmetry: dot:Q,K:HEADS or "
        "chain:V,O:HEADS; * in both names, HEADS/KEYS for shared keys; repeatable.",
    )
    memory: int | None = setting(  # in bytes
        None,
        metavar="SIZE",
        parse=bytes_of,
        help="What a process may take, e.g. 8G: batches, graphs, Krylov basis and sketches fit it.",
    )
    device: str = setting("cpu")
    seed: int = setting(0, minimum=0)
    use_ema: bool = setting(False, "--ema", help="Use the averaged weights in the file.")
    state_key: str | None = setting(None, help="Which entry of the file holds the weights.")
    part: str | None = setting(
        None, metavar="NAME", help="The module within the network that the weights are of."
    )
    weights_loaded: bool = setting(
        False, help="The factory loads the weights itself: those of the file are not."
    )
    allow_globals: tuple[str, ...] = setting(
        (),
        "--allow-global",
        metavar="NAME",
        repeatable=True,
        help="A class that the file's pickle may name; repeatable.",
    )
    unsafe_pickle: bool = setting(
        False,
        help="Run whatever code the file contains. Only for files you made yourself.",
    )
    share: str = "examples"  # what processes divide, see landscape.catalog.words.SHARES
    command: str = ""

    def __post_init__(self) -> None:
        check_settings(self)
