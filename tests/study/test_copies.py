import dataclasses

import pytest
import torch
from torch.testing import assert_close

from landscape.checkpoint.load import load_checkpoint
from landscape.checkpoint.models import model_of
from landscape.checkpoint.save import save_checkpoint
from landscape.checkpoint.sidecar import read_sidecar
from landscape.snn import SpikingMLP
from landscape.study.copies import write_rescaled
from landscape.training.loop import train

IMAGES = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def checkpoint(plan, tmp_path):
    path = tmp_path / "a.safetensors"
    quiet = {"force": False, "monitor": lambda report: None}
    return train(plan.runs[0].config, path, device=torch.device("cpu"), data_dir=None, **quiet)


@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_a_rescaled_copy_is_the_same_function_of_other_weights(checkpoint, tmp_path, factor):
    copy = tmp_path / "b.safetensors"
    write_rescaled(checkpoint, copy, factor)
    models = [model_of(load_checkpoint(path), None)[0].eval() for path in (checkpoint, copy)]
    a, b = (model.conv_fc for model in models)
    for i in (0, 4):
        assert_close(b[i].weight, factor * a[i].weight, rtol=0, atol=0)
        # Before the spikes, whose steps would magnify a rounding error.
        x = torch.randn(5, a[i].in_channels, 8, 8, generator=torch.Generator().manual_seed(1))
        assert_close(b[i + 1](b[i](x)), a[i + 1](a[i](x)))
    assert_close(models[1](IMAGES), models[0](IMAGES))
    assert torch.equal(b[9].weight, a[9].weight)


def test_a_network_without_batch_norm_has_no_such_copy(checkpoint, tmp_path):
    sidecar = read_sidecar(checkpoint)
    plain = tmp_path / "mlp.safetensors"
    sidecar = dataclasses.replace(sidecar, model="spiking-mlp?sizes=784-10")
    save_checkpoint(plain, SpikingMLP((784, 10)).state_dict(), sidecar)
    with pytest.raises(ValueError, match="nothing to rescale"):
        write_rescaled(plain, tmp_path / "c.safetensors", 4.0)
