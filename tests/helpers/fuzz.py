"""Feed mutated and made-up checkpoint files to the reader: ``python tests/helpers/fuzz.py N``.

Each input must load or be refused with ``CheckpointError``; anything else is a failure, as is any
attempt to write, run or connect while a file is read (watched by an audit hook). What loads must be
what inspection showed, and what PyTorch's own reader finds, where that reads the file.
"""

import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from fuzz_inputs import PART, Folder, make_input
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from landscape.checkpoint.errors import CheckpointError
from landscape.checkpoint.inspection import inspect_checkpoint
from landscape.checkpoint.load import load_checkpoint
from landscape.checkpoint.unwrap import unwrap

_WATCHED = (
    "os.", "subprocess.", "socket.", "shutil.", "pty.", "ctypes.", "webbrowser.", "urllib."
)  # fmt: skip
_HARMLESS = {"os.listdir", "os.scandir", "os.walk", "os.fwalk"}
_watch: list[list[str]] = []


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if not _watch:
        return
    if event == "open":
        path, mode, flags = arguments
        writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (
            isinstance(flags, int) and flags & 0o3
        )
        if writes:
            _watch[-1].append(f"open {path!r} for writing")
    elif event.startswith(_WATCHED) and event not in _HARMLESS:
        _watch[-1].append(f"{event} {arguments!r}")


sys.addaudithook(_audit)


@contextmanager
def watched() -> Iterator[list[str]]:
    """Collect what the block does to the world outside this process."""
    seen: list[str] = []
    _watch.append(seen)
    try:
        yield seen
    finally:
        _watch.pop()


SEEDS = st.integers(0, 2**63)


def read(data: bytes, folder: Path) -> str:
    """Write ``data`` as a file, read it in both ways, and say how it went.

    Raises
    ------
    AssertionError
        If reading did anything but read.
    Exception
        Whatever else than ``CheckpointError`` the reader lets through.
    """
    path = folder / "input.pt"
    shutil.rmtree(path, ignore_errors=True)
    if isinstance(data, Folder):
        path.unlink(missing_ok=True)
        path.mkdir()
        (path / ".metadata").write_bytes(data)
        (path / "__0_0.distcp").write_bytes(PART)
    else:
        path.write_bytes(data)
    outcomes, messages, found = [], [], []
    with watched() as seen, warnings.catch_warnings():
        warnings.simplefilter("error")
        for call in (inspect_checkpoint, load_checkpoint):
            try:
                found.append(call(path))
                outcomes.append("read")
            except CheckpointError as error:
                messages.append(str(error))
                outcomes.append("refused")
    assert "".join(messages).replace("\n", "").isprintable(), messages
    assert not seen, seen
    assert [p.name for p in folder.iterdir()] == ["input.pt"]
    if outcomes[1] == "read":
        shown, loaded = found
        assert [t.shape for t in shown.tensors] == [tuple(t.shape) for t in loaded.state.values()]
        assert shown.obstacle is None
        if path.is_file():
            _compare_with_pytorch(path, loaded.state)
    return f"inspection {outcomes[0]}, loading {outcomes[1]}"


def _compare_with_pytorch(path: Path, state: Mapping[str, torch.Tensor]) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = torch.load(path, weights_only=True)
        expected = unwrap(path, value, use_ema=False, state_key=None).tensors
    except Exception:  # it reads fewer files: those with NumPy's arrays, and safetensors
        return
    for name, tensor in expected.items():
        torch.testing.assert_close(state[name], tensor.detach(), rtol=0, atol=0, equal_nan=True)


def main(num_inputs: int) -> None:
    """Run ``num_inputs`` inputs and print how many were read and refused."""
    outcomes: Counter[str] = Counter()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:

        @settings(
            max_examples=num_inputs,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(SEEDS)
        def run(seed: int) -> None:
            outcomes[read(make_input(seed), Path(folder))] += 1

        run()
    for outcome, count in outcomes.most_common():
        print(f"{count:>8}  {outcome}")
    print(f"{sum(outcomes.values())} inputs in {time.monotonic() - start:.0f} s, no crash")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
