"""Recordings in N-MNIST's binary format, and the page's function that reads them by tonic."""

import re
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.tried.spiking_nets import NUM_STEPS

_PAGE = Path(__file__).parents[2] / "docs" / "your-model.md"
_SIDE, _EVENTS, _EVERY = 34, 500, 100  # a step; µs from one event to the next
_READ = range(998, 1002)  # in the order of the files: two of each of the first two classes
_RECORDINGS = 1000  # of a class: tonic counts the files, and would fetch them if there were fewer

EXAMPLES = f"--examples {_READ.start}:{_READ.stop}"


def recorded() -> tuple[str, Tensor, Tensor]:
    """What ``--data`` is to be; the frames of those that are read, (N, T, 2, 34, 34); labels."""
    code = re.search(r"```python\n(# events\.py\n.*?)```", _PAGE.read_text("utf-8"), re.DOTALL)
    assert code is not None
    Path("events.py").write_text(code[1], encoding="utf-8")
    home, rng = Path("data", "NMNIST"), torch.Generator().manual_seed(6)
    frames = []
    for split in ("Train", "Test"):
        for number in range(10 * _RECORDINGS):
            label, k = divmod(number, _RECORDINGS)
            path = home / split / str(label) / f"{k:05}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            if split == "Train" and number in _READ:
                written, frame = _recording(rng)
                path.write_bytes(written)
                frames.append(frame)
        (home / f"{split.lower()}.zip").touch()  # looked for, not opened
    labels = torch.tensor([number // _RECORDINGS for number in _READ])
    return f"events.py:load?steps={NUM_STEPS}", torch.stack(frames), labels


def _recording(rng: torch.Generator) -> tuple[bytes, Tensor]:
    """Five bytes an event: x, y, a bit of polarity, 23 of the time in µs; and their counts."""
    total = NUM_STEPS * _EVENTS
    x, y = torch.randint(_SIDE, (2, total), generator=rng).tolist()
    p = torch.randint(2, (total,), generator=rng).tolist()
    written, frames = bytearray(), torch.zeros(NUM_STEPS, 2, _SIDE, _SIDE)
    for k in range(total):
        written += bytes([x[k], y[k]]) + (p[k] << 23 | k * _EVERY).to_bytes(3, "big")
        frames[k // _EVENTS, p[k], y[k], x[k]] += 1
    written += bytes(2) + (total * _EVERY).to_bytes(
        3, "big"
    )  # ends the last step, is no part of it
    return bytes(written), frames
