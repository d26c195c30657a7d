"""Folders of transformers' networks, analysed as they are: the model's own loss, exactly."""

import numpy as np
import pytest
import torch
from transformers_networks import arrays, directions, is_close, opened, own, products, saved, tiny

pytest.importorskip("transformers")


def with_labels(count):
    """The config of the small BERT for so many labels."""
    config = tiny("bert").config
    config.num_labels = count
    return config


@pytest.mark.parametrize("name", ["gpt2", "llama", "t5", "bert", "tagger", "vit"])
def test_hessian_is_that_of_the_models_own_loss(name, tmp_path):
    model, data = tiny(name), arrays(name)
    target = opened(saved(model, tmp_path), data, batch_size=3)
    loss, expected = own(model, data)
    assert target.subject.loss == pytest.approx(loss, rel=1e-6)
    assert is_close(products(target), expected)
    assert not target.second_derivative.is_wrong


def test_gauss_newton_is_that_of_the_logits(tmp_path):
    """Jᵀ H_z J with J the Jacobian of the logits and H_z the Hessian of the loss by them."""
    model, data = tiny("gpt2"), arrays("gpt2")
    target = opened(saved(model, tmp_path), data)
    model = model.double()
    theta, inputs = list(model.parameters()), {k: torch.as_tensor(v) for k, v in data.items()}
    labels = inputs.pop("labels")[:, 1:].flatten()
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        z = model(**inputs).logits[:, :-1].flatten(0, 1)
    loss = torch.nn.functional.cross_entropy(z, labels)
    (slope,) = torch.autograd.grad(loss, z, create_graph=True)
    dual = torch.zeros_like(z, requires_grad=True)
    pulled = torch.cat(
        [g.flatten() for g in torch.autograd.grad(z, theta, dual, create_graph=True)]
    )
    expected = []
    for v in directions(len(pulled)):
        (jv,) = torch.autograd.grad(pulled @ v, dual, retain_graph=True)
        (hjv,) = torch.autograd.grad(slope, z, jv, retain_graph=True)
        back = torch.autograd.grad(z, theta, hjv, retain_graph=True)
        expected.append(torch.cat([part.flatten() for part in back]))
    assert is_close(products(target, "ggn"), torch.stack(expected))


@pytest.mark.parametrize("name", ["gpt2", "t5", "tagger", "bert", "vit"])
def test_neither_batches_nor_padding_move_loss_and_gradient(name, tmp_path):
    data = arrays(name)
    saved(tiny(name), tmp_path)
    whole, single = (opened(tmp_path, data, batch_size=size) for size in (4, 1))
    assert single.subject.loss == pytest.approx(whole.subject.loss, rel=1e-12)
    assert is_close(single.risk.gradient(), whole.risk.gradient(), 1e-12)
    if name != "vit":  # the last column is padding alone
        data |= {k: v[:, :-1] for k, v in data.items() if v.ndim > 1}
        shorter = opened(tmp_path, data)
        assert shorter.subject.loss == pytest.approx(whole.subject.loss, rel=1e-12)


def test_accuracy_is_that_of_the_next_token(tmp_path):
    model, data = tiny("gpt2"), arrays("gpt2")
    target = opened(saved(model, tmp_path), data)
    inputs = {k: torch.as_tensor(v) for k, v in data.items() if k != "labels"}
    logits = model(**inputs).logits
    labels = torch.as_tensor(data["labels"])[:, 1:]
    right = (logits[:, :-1].argmax(-1) == labels)[labels != -100]
    assert target.subject.accuracy == pytest.approx(float(right.double().mean()))
    assert "cross entropy of the next token" in target.subject.loss_name


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("binary cross entropy", [[0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1]]),
        ("squared error", [[0.5], [1.0], [-1.0], [0.0]]),
    ],
)
def test_labels_say_what_a_head_is_trained_for(kind, labels, tmp_path):
    """Several labels an example, as whole numbers of 0 and 1; a single number."""
    import transformers

    model = transformers.BertForSequenceClassification(with_labels(len(labels[0]))).eval()
    data = arrays("bert") | {"labels": np.array(labels)}
    target = opened(saved(model, tmp_path), data)
    as_floats = data | {"labels": np.array(labels, dtype="f8")}
    loss, expected = own(model, as_floats)
    assert kind in target.subject.loss_name
    assert target.subject.loss == pytest.approx(loss, rel=1e-9)
    assert is_close(products(target), expected)


def test_labels_that_repeat_the_input_are_asked_about(tmp_path):
    """As texts without targets give them, which is right for the next token alone."""
    asked = "each at its place"
    for name, is_asked in (("t5", True), ("gpt2", False)):
        target = opened(saved(tiny(name), tmp_path / name), arrays(name))
        assert any(asked in note for note in target.subject.notes) is is_asked


def test_another_loss_is_taken_as_the_network_gives_it(tmp_path):
    """Two cross entropies, of where an answer starts and of where it ends."""
    import transformers

    model = transformers.BertForQuestionAnswering(with_labels(2)).eval()
    data = {k: v for k, v in arrays("bert").items() if k != "labels"}
    data |= {"start_positions": np.array([0, 1, 0, 1]), "end_positions": np.array([1, 1, 2, 3])}
    target = opened(saved(model, tmp_path), data, batch_size=3)
    loss, expected = own(model, data)
    assert target.subject.loss == pytest.approx(loss, rel=1e-9)
    assert is_close(products(target), expected)
    with pytest.raises(ValueError, match="does not say what its outputs are"):
        products(target, "ggn")


def test_examples_that_ask_for_nothing_weigh_nothing(tmp_path):
    data = arrays("gpt2")
    folder = saved(tiny("gpt2"), tmp_path)
    silent = data | {"labels": np.where(np.arange(4)[:, None] == 1, -100, data["labels"])}
    others = {name: values[[0, 2, 3]] for name, values in data.items()}
    for size in (1, 4):
        found = opened(folder, silent, batch_size=size).subject.loss
        assert found == pytest.approx(opened(folder, others).subject.loss, rel=1e-12)
    nothing = data | {"labels": np.full_like(data["labels"], -100)}
    with pytest.raises(ValueError, match="all -100"):
        opened(folder, nothing)
