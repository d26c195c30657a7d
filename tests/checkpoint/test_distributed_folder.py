"""A folder by torch.distributed.checkpoint gives back what was saved, in one or many parts."""

import shutil
import warnings

import pytest
import torch
import torch.distributed.checkpoint as dcp
from hostile import Payload, saved
from torch.distributed.checkpoint.metadata import (
    ChunkStorageMetadata,
    Metadata,
    MetadataIndex,
)

from landscape.checkpoint.files.boxes import cover_once
from landscape.checkpoint.inspection import inspect_checkpoint
from landscape.checkpoint.load import load_checkpoint


@pytest.fixture
def folder(tmp_path, net):
    """Made by the real library: network, optimiser and a plain value."""
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    state = {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about running in one process
        dcp.save(state, checkpoint_id=tmp_path / "dcp", no_dist=True)
    return tmp_path / "dcp"


def test_weights_come_back(folder, net, same):
    checkpoint = load_checkpoint(folder)
    same(checkpoint.state, net.state_dict())
    assert checkpoint.format == "torch.distributed.checkpoint folder"
    info = inspect_checkpoint(folder)
    assert {t.name: t.shape for t in info.tensors} == {
        name: tuple(t.shape) for name, t in net.state_dict().items()
    }
    assert info.num_params == sum(p.numel() for p in net.parameters())


def test_tensor_in_two_chunks(folder, net, same, monkeypatch):
    """A weight split over two processes' files is put together again."""
    import pickle

    weight = net.state_dict()["0.weight"]  # (2, 3)
    metadata: Metadata = pickle.loads((folder / ".metadata").read_bytes())
    name = "model.0.weight"
    (whole,) = [key for key in metadata.storage_data if key.fqn == name]
    info = metadata.storage_data.pop(whole)
    boxes = [
        ChunkStorageMetadata(offsets=torch.Size([row, 0]), sizes=torch.Size([1, 3]))
        for row in (0, 1)
    ]
    metadata.state_dict_metadata[name].chunks = boxes
    for row, box in enumerate(boxes):
        data = saved(weight[row : row + 1].clone())
        file = f"__{row + 5}_0.distcp"
        (folder / file).write_bytes(b"x" * 11 + data)
        metadata.storage_data[MetadataIndex(name, box.offsets)] = type(info)(
            relative_path=file, offset=11, length=len(data)
        )
    (folder / ".metadata").write_bytes(pickle.dumps(metadata))
    same(load_checkpoint(folder).state, net.state_dict())

    (folder / "__6_0.distcp").unlink()
    with pytest.raises(ValueError, match="Copy all files of the folder"):
        load_checkpoint(folder)


def test_hostile_metadata_is_not_run(folder, tmp_path, refused):
    import os
    import pickle

    payload = Payload(os.system, f"touch {tmp_path / 'canary'}")
    (folder / ".metadata").write_bytes(pickle.dumps(payload))
    refused(lambda: load_checkpoint(folder), "not written by torch.distributed.checkpoint")
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "sub/x.distcp", "..distcp/x"])
def test_files_outside_the_folder_are_not_opened(folder, refused, name):
    import pickle

    metadata = pickle.loads((folder / ".metadata").read_bytes())
    for info in metadata.storage_data.values():
        info.relative_path = name
    (folder / ".metadata").write_bytes(pickle.dumps(metadata))
    refused(lambda: load_checkpoint(folder), "not a .distcp file in its folder")


def test_claims_of_size_are_checked_before_memory_is_taken(folder, refused):
    import pickle

    metadata = pickle.loads((folder / ".metadata").read_bytes())
    entry = metadata.state_dict_metadata["model.0.bias"]
    entry.size = torch.Size([10**15])
    entry.chunks = [ChunkStorageMetadata(torch.Size([0]), torch.Size([10**15]))]
    (folder / ".metadata").write_bytes(pickle.dumps(metadata))
    refused(lambda: load_checkpoint(folder), "should hold")


def test_cut_off_parts(folder, refused, tmp_path):
    for share in range(0, 100, 7):
        broken = tmp_path / f"broken{share}"
        shutil.copytree(folder, broken)
        for file in broken.iterdir():
            file.write_bytes(file.read_bytes()[: file.stat().st_size * share // 100])
        refused(lambda broken=broken: load_checkpoint(broken))


def rewritten(folder, name, chunks, shape=None):
    """Say in the metadata that the tensor has these chunks, all in the bytes of its first one."""
    import pickle

    metadata = pickle.loads((folder / ".metadata").read_bytes())
    entry = metadata.state_dict_metadata[name]
    entry.chunks = [ChunkStorageMetadata(torch.Size(o), torch.Size(n)) for o, n in chunks]
    entry.size = torch.Size(shape or entry.size)
    (whole,) = [key for key in metadata.storage_data if key.fqn == name]
    info = metadata.storage_data.pop(whole)
    for index, (offsets, _) in enumerate(chunks):
        metadata.storage_data[MetadataIndex(name, torch.Size(offsets), index)] = info
    (folder / ".metadata").write_bytes(pickle.dumps(metadata))


@pytest.mark.parametrize("call", [load_checkpoint, inspect_checkpoint])
def test_chunk_named_twice_is_refused(folder, refused, call):
    """Its numbers would be counted twice, and others left at zero."""
    rewritten(folder, "model.0.bias", [([0], [2]), ([0], [2])], shape=[4])
    refused(lambda: call(folder), "'model.0.bias' overlap")


@pytest.mark.parametrize("call", [load_checkpoint, inspect_checkpoint])
def test_bytes_named_for_many_chunks_are_refused(folder, refused, call):
    """A few bytes would become a tensor of any size."""
    rewritten(folder, "model.0.bias", [([2 * i], [2]) for i in range(1000)], shape=[2000])
    refused(lambda: call(folder), "for two parts of tensors")


@pytest.mark.parametrize(
    ("shape", "boxes", "covered"),
    [
        ((), [((), ())], True),
        ((), [((), ()), ((), ())], False),
        ((0, 3), [((0, 0), (0, 3))], True),
        ((4,), [((0,), (1,)), ((1,), (3,))], True),
        ((4,), [((0,), (2,)), ((1,), (2,))], False),
        ((4,), [((2,), (2,)), ((2,), (2,))], False),
        ((4, 4), [((i, j), (2, 2)) for i in (0, 2) for j in (0, 2)], True),
        ((4, 4), [((i, j), (2, 2)) for i in (0, 2) for j in (0, 0)], False),
        # A pinwheel: no cut goes through.
        ((3, 3), [((0, 0), (1, 2)), ((0, 2), (2, 1)), ((2, 1), (1, 2)), ((1, 0), (2, 1)),
                  ((1, 1), (1, 1))], True),
        ((3, 3), [((0, 0), (1, 2)), ((0, 2), (2, 1)), ((2, 1), (1, 2)), ((1, 0), (2, 1)),
                  ((0, 0), (1, 1))], False),
        ((2, 2, 2), [((0, 0, 0), (1, 2, 2)), ((1, 0, 0), (1, 2, 2))], True),
        ((2, 2, 2), [((0, 0, 0), (1, 2, 2)), ((0, 0, 0), (2, 2, 1))], False),
    ],
)  # fmt: skip
def test_boxes_that_cover_once(shape, boxes, covered):
    counts = torch.zeros(shape, dtype=torch.int64)
    for offsets, sizes in boxes:
        counts[tuple(slice(o, o + n) for o, n in zip(offsets, sizes, strict=True))] += 1
    assert bool((counts == 1).all()) is covered
    assert cover_once(shape, boxes) is covered


def test_chunk_named_a_million_times(folder, refused):
    """One chunk in the pickle, and a list that names it again and again."""
    import pickle

    metadata = pickle.loads((folder / ".metadata").read_bytes())
    entry = metadata.state_dict_metadata["model.0.bias"]
    entry.chunks = entry.chunks * 1_000_000
    (folder / ".metadata").write_bytes(pickle.dumps(metadata))
    refused(lambda: load_checkpoint(folder), "does not describe a checkpoint in a known way")


def test_links_to_one_file_are_one_file(folder, refused):
    import pickle

    metadata = pickle.loads((folder / ".metadata").read_bytes())
    entry = metadata.state_dict_metadata["model.0.bias"]
    (whole,) = [key for key in metadata.storage_data if key.fqn == "model.0.bias"]
    info = metadata.storage_data.pop(whole)
    (folder / "link.distcp").symlink_to(info.relative_path)
    boxes = [ChunkStorageMetadata(torch.Size([o]), torch.Size([2])) for o in (0, 2)]
    for box, file in zip(boxes, [info.relative_path, "link.distcp"], strict=True):
        metadata.storage_data[MetadataIndex("model.0.bias", box.offsets)] = type(info)(
            relative_path=file, offset=info.offset, length=info.length
        )
    entry.chunks, entry.size = boxes, torch.Size([4])
    (folder / ".metadata").write_bytes(pickle.dumps(metadata))
    refused(lambda: load_checkpoint(folder), "for two parts of tensors")
