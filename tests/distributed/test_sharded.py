"""Parameters spread over processes by FSDP: refused as a network, read as a checkpoint."""

import importlib
import sys
import types
import warnings

import pytest
import torch
from torch import nn

import landscape
from landscape.checkpoint.load import load_checkpoint
from landscape.checkpoint.models import build_model

pytestmark = pytest.mark.dist


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))


def sharded(kind):
    """A network over all processes of the group: by ``fully_shard``, or by the class before it."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard

    model = network()
    if kind == "FSDP1":
        return FullyShardedDataParallel(model, device_id=torch.device("cpu"))
    if kind == "FSDP1, a layer":
        model[0] = FullyShardedDataParallel(
            model[0], device_id=torch.device("cpu"), use_orig_params=True
        )
        return model
    mesh = init_device_mesh("cpu", (torch.distributed.get_world_size(),))
    for layer in (model[0], model[2], model):
        fully_shard(layer, mesh=mesh)
    return model


def _messages(attempts):
    found = []
    for attempt in attempts:
        with pytest.raises(ValueError, match="spread over processes") as refusal:
            attempt()
        found.append(str(refusal.value))
    return found


def _refused_then_saved(folder, kind):
    """What is said of the network before and after a step, and by a factory; then a checkpoint."""
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own
        model, data = sharded(kind), (torch.ones(6, 3), torch.tensor([0, 1] * 3))
        factory = types.ModuleType("sharding")
        factory.make = lambda: model
        sys.modules["sharding"] = factory
        attempts = [
            lambda: landscape.analyze(model, "cross-entropy", data),
            lambda: build_model("sharding:make"),
        ]
        said = _messages(attempts)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model(data[0]).square().sum().backward()  # the whole weights stay until the next step
        said += _messages(attempts)
        optimizer.step()
        dcp.save({"model": get_model_state_dict(model)}, checkpoint_id=folder)
        whole = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True))
    return said, {name: tensor.tolist() for name, tensor in whole.items()}


@pytest.mark.parametrize("kind", ["FSDP2", "FSDP1", "FSDP1, a layer"])
def test_sharded_networks_are_refused_and_their_checkpoints_read(kind, together, tmp_path):
    for name in ("checkpoint.state_dict", "device_mesh", "fsdp"):  # once, not in every fork
        importlib.import_module(f"torch.distributed.{name}")
    (said, whole), (other, same) = together(2, _refused_then_saved, tmp_path / "saved", kind)
    assert whole == same
    assert len(set(said + other)) == 1
    assert "full_state_dict=True" in said[0]

    state = load_checkpoint(tmp_path / "saved").state
    assert {name: tensor.tolist() for name, tensor in state.items()} == whole
    assert len(list((tmp_path / "saved").glob("*.distcp"))) == 2  # a part by each process
    network().load_state_dict({name: torch.tensor(values) for name, values in whole.items()})
