import gzip
import struct

import pytest


@pytest.fixture
def write_idx(tmp_path):
    """Write an IDX file with the given axes and bytes, whatever they are; return its path."""

    def write(name, shape, payload, *, kind=0x08, folder=tmp_path):
        folder.mkdir(parents=True, exist_ok=True)
        raw = bytes([0, 0, kind, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + payload
        path = folder / name
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    return write


@pytest.fixture
def no_copies(monkeypatch, tmp_path):
    """A machine on which no copy of Fashion-MNIST lies in the usual places."""
    monkeypatch.delenv("LANDSCAPE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("landscape.data.fashion_mnist.SYSTEM_FOLDER", tmp_path / "system")
    return tmp_path
