"""What a folder may hold, how it is read, and what is said of one that cannot be used."""

import json
import os
import shutil

import pytest
import safetensors.torch
import torch
from command_line import invoke
from transformers_networks import arrays, opened, saved, tiny

from landscape.checkpoint.errors import CheckpointError
from landscape.checkpoint.load import load_checkpoint
from landscape.checkpoint.models import model_of

transformers = pytest.importorskip("transformers")


def state(model):
    return {name: t.clone() for name, t in model.state_dict().items()}


def same(model, expected):
    found = model.state_dict()
    assert found.keys() == expected.keys()
    return all(torch.equal(found[name], t) for name, t in expected.items())


def edited(folder, **changes):
    """The folder with these entries of its config changed; None: left out."""
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    return folder


def loaded(folder, spec=None):
    return model_of(load_checkpoint(folder), spec)


@pytest.mark.parametrize("name", ["gpt2", "llama", "t5", "bert", "vit"])
def test_weights_arrive_under_the_names_that_the_library_has_now(name, tmp_path):
    """Of a ViT and of tied weights those in the file are others."""
    model = tiny(name)
    found, _ = loaded(saved(model, tmp_path))
    assert type(found) is type(model)
    assert same(found, state(model))


@pytest.mark.parametrize("form", ["shards", "pickle", "pickles"])
def test_shards_and_pickles_are_read(form, tmp_path):
    model = tiny("vit")
    if form == "shards":
        model.save_pretrained(tmp_path, max_shard_size=500)
        assert len(list(tmp_path.glob("*.safetensors"))) > 1
    else:
        file = saved(model, tmp_path) / "model.safetensors"
        stored = safetensors.torch.load_file(file)
        file.unlink()
        names = sorted(stored)
        half = len(names) // 2
        parts = {"a.bin": names[:half], "b.bin": names[half:]}
        if form == "pickle":
            parts = {"pytorch_model.bin": names}
        else:
            where = {name: part for part, own in parts.items() for name in own}
            index = tmp_path / "pytorch_model.bin.index.json"
            index.write_text(json.dumps({"metadata": {}, "weight_map": where}))
        for part, own in parts.items():
            torch.save({name: stored[name] for name in own}, tmp_path / part)
    found, _ = loaded(tmp_path)
    assert same(found, state(model))


class Hostile:
    def __reduce__(self):
        return os.system, ("true",)


def test_pickle_that_runs_code_is_refused(tmp_path):
    folder = saved(tiny("vit"), tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save({"x": torch.ones(1), "y": Hostile()}, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="system"):
        loaded(folder)


def test_code_in_a_folder_is_never_run(tmp_path):
    model = tiny("bert")
    folder = edited(saved(model, tmp_path), auto_map={"AutoModel": "own.Own"})
    (folder / "own.py").write_text("raise SystemExit('it was run')")
    found, notes = loaded(folder)
    assert same(found, state(model))
    assert any("auto_map" in note and "not run" in note for note in notes)
    with pytest.raises(CheckpointError, match=r"no model type 'own'.*auto_map"):
        loaded(edited(folder, model_type="own"))


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"model_type": "none-such"}, "no model type 'none-such'"),
        ({"architectures": None}, "must name one class"),
        ({"architectures": ["NoneSuch"]}, "no network 'NoneSuch'"),
        ({"architectures": ["AutoTokenizer"]}, "no network 'AutoTokenizer'"),
        ({"num_labels": None, "id2label": {str(k): str(k) for k in range(9)}}, "config.json"),
        ({"intermediate_size": 10**6}, "needs"),
        ({"quantization_config": {"quant_method": "gptq"}}, "quantised"),
        ({"hidden_size": 5}, "config.json"),
    ],
)
def test_configs_that_do_not_fit_are_told(changes, fragment, tmp_path):
    folder = edited(saved(tiny("bert"), tmp_path), **changes)
    with pytest.raises(CheckpointError, match=fragment):
        loaded(folder)


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        (lambda s: s.pop("classifier.bias") * 0, "missing: 'classifier.bias'|it holds"),
        (lambda s: s.update({"classifier.bias": torch.ones(40)}), "another shape: .*classifier"),
        (lambda s: s["classifier.bias"].fill_(torch.nan), "NaN"),
    ],
)
def test_weights_that_do_not_fit_are_told(change, fragment, tmp_path):
    file = saved(tiny("bert"), tmp_path) / "model.safetensors"
    stored = safetensors.torch.load_file(file)
    change(stored)
    stored["spare"] = torch.ones(50)
    safetensors.torch.save_file(stored, file)
    with pytest.raises(CheckpointError, match=fragment):
        loaded(tmp_path)


def test_tensors_without_a_place_are_noted(tmp_path):
    model = tiny("bert")
    file = saved(model, tmp_path) / "model.safetensors"
    stored = safetensors.torch.load_file(file) | {"cls.spare": torch.ones(2)}
    safetensors.torch.save_file(stored, file)
    found, notes = loaded(tmp_path)
    assert same(found, state(model))
    assert any("no place for" in note and "cls.spare" in note for note in notes)


@pytest.mark.parametrize("prefix", ["", "model.", "student."])
def test_weights_of_a_trainers_file_find_a_folders_network(prefix, tmp_path):
    model = tiny("bert")
    weights = {prefix + name: t for name, t in state(model).items()}
    torch.save({"state_dict": weights, "epoch": 3}, tmp_path / "last.ckpt")
    other = tiny("bert")
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    folder = saved(other, tmp_path / "folder")
    found, _ = loaded(tmp_path / "last.ckpt", f"hf:{folder}")
    assert same(found, state(model))


def test_weights_in_half_precision_are_widened(tmp_path):
    model = tiny("llama").to(torch.bfloat16)
    found, notes = loaded(saved(model, tmp_path))
    assert {p.dtype for p in found.parameters()} == {torch.float32}
    assert same(found, {name: t.float() for name, t in state(model).items()})
    assert any("bfloat16" in note for note in notes)


def test_a_network_without_a_head_says_that_it_has_no_loss(tmp_path):
    folder = saved(tiny("gpt2").transformer, tmp_path)
    with pytest.raises(ValueError, match="computes no loss"):
        opened(folder, arrays("gpt2"))


def test_missing_library_names_the_extra(tmp_path, monkeypatch):
    folder = saved(tiny("bert"), tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(ValueError, match=r"landscape-snn\[transformers\]"):
        loaded(folder)


def test_the_command_line_needs_the_folder_and_data_alone(tmp_path):
    folder = saved(tiny("bert"), tmp_path / "net")
    opened(folder, arrays("bert"))  # which stores the data
    shutil.move(folder / "data.npz", tmp_path)
    result = invoke("check", folder, "--data", tmp_path / "data.npz", code=0)
    assert "network's own: cross entropy" in result.output
    assert "hf:" in invoke("info", folder).output
