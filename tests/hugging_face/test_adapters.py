"""Adapters by peft: the curvature of what they add, the network held fixed."""

import numpy as np
import pytest
import torch
from transformers_networks import arrays, is_close, opened, own, products, saved, tiny

from landscape.checkpoint.errors import CheckpointError

peft = pytest.importorskip("peft")
# Of transformers, at what peft calls; of peft, at a network that was never saved.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def adapted(base, folder, **settings):
    """``base`` with an adapter whose weights are all drawn at random, saved in ``folder``."""
    settings = {"r": 2, "target_modules": ["c_attn"], "fan_in_fan_out": True} | settings
    torch.manual_seed(1)
    model = peft.get_peft_model(base, peft.LoraConfig(**settings))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn(parameter.shape))
    model.save_pretrained(folder)
    return model.eval()


@pytest.mark.parametrize("as_pickle", [False, True])
def test_curvature_is_that_of_the_adapter_alone(tmp_path, as_pickle):
    base, folder, data = saved(tiny("gpt2"), tmp_path), tmp_path / "adapter", arrays("gpt2")
    model = adapted(tiny("gpt2"), folder, task_type="CAUSAL_LM")
    if as_pickle:
        file = folder / "adapter_model.safetensors"
        torch.save(peft.get_peft_model_state_dict(model), folder / "adapter_model.bin")
        file.unlink()
    target = opened(base, data, adapter=folder)
    loss, expected = own(model, data)
    assert target.subject.num_params == 2 * (4 + 12)
    assert target.subject.num_frozen == sum(p.numel() for p in tiny("gpt2").parameters())
    assert target.subject.loss == pytest.approx(loss, rel=1e-6)
    assert is_close(products(target), expected)
    assert any("LORA" in note and "held fixed" in note for note in target.subject.notes)
    assert target.subject.checkpoint_sha256 != opened(base, data).subject.checkpoint_sha256


def test_adapter_of_another_network_is_refused(tmp_path):
    base, data = saved(tiny("gpt2"), tmp_path), arrays("gpt2")
    adapted(tiny("llama"), tmp_path / "other", target_modules=["q_proj"], fan_in_fan_out=False)
    with pytest.raises(CheckpointError, match="network that it was trained on"):
        opened(base, data, adapter=tmp_path / "other")
    wider = tiny("gpt2").config.to_dict() | {"n_embd": 6}
    transformers = pytest.importorskip("transformers")
    adapted(transformers.GPT2LMHeadModel(transformers.GPT2Config(**wider)), tmp_path / "wide")
    with pytest.raises(CheckpointError, match=r"of another shape: .*lora_A"):
        opened(base, data, adapter=tmp_path / "wide")


def test_folder_without_an_adapter_is_told(tmp_path):
    base = saved(tiny("gpt2"), tmp_path)
    with pytest.raises(CheckpointError, match=r"no adapter_config\.json"):
        opened(base, arrays("gpt2"), adapter=base)


def test_adapter_as_the_checkpoint_is_told_what_it_is(tmp_path):
    adapted(tiny("gpt2"), tmp_path / "adapter")
    base = saved(tiny("gpt2"), tmp_path / "base")
    np.savez(tmp_path / "adapter" / "data.npz", **arrays("gpt2"))
    with pytest.raises(CheckpointError, match="--adapter"):
        opened(tmp_path / "adapter", arrays("gpt2"), model=f"hf:{base}")
    with pytest.raises(CheckpointError, match="--adapter"):
        opened(tmp_path / "adapter", arrays("gpt2"))
