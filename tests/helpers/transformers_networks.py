"""Small networks by transformers, saved as folders, and data that they take."""

import numpy as np
import pytest
import torch

from landscape.analysis.opening import open_target
from landscape.analysis.target_settings import TargetSettings
from landscape.curvature.operators import make_operator

VOCABULARY, LENGTH, CLASSES = 7, 5, 3


def tiny(name):
    """A network of one layer with weights drawn at random, none of them at a special place."""
    t = pytest.importorskip("transformers")
    ids = {"bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
    body = {
        "hidden_size": 4,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 4,
    }
    text = {"vocab_size": VOCABULARY, **ids}
    torch.manual_seed(0)
    model = {
        "gpt2": lambda: t.GPT2LMHeadModel(
            t.GPT2Config(n_positions=LENGTH, n_embd=4, n_layer=1, n_head=2, **text)
        ),
        "llama": lambda: t.LlamaForCausalLM(
            t.LlamaConfig(tie_word_embeddings=True, **body, **text)
        ),
        "t5": lambda: t.T5ForConditionalGeneration(
            t.T5Config(
                d_model=4, d_kv=2, d_ff=4, num_layers=1, num_heads=2, decoder_start_token_id=0,
                **text,
            )
        ),
        "bert": lambda: t.BertForSequenceClassification(
            t.BertConfig(
                max_position_embeddings=LENGTH, num_labels=CLASSES, layer_norm_eps=1e-3,
                **body, **text,
            )
        ),
        "tagger": lambda: t.BertForTokenClassification(
            t.BertConfig(
                max_position_embeddings=LENGTH, num_labels=CLASSES, layer_norm_eps=1e-3,
                **body, **text,
            )
        ),
        "vit": lambda: t.ViTForImageClassification(
            t.ViTConfig(image_size=4, patch_size=2, num_channels=1, num_labels=CLASSES, **body)
        ),
    }[name]()  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return model.eval()


def arrays(name, rows=4):
    """Arguments of the network ``name`` and its labels: texts, all of them padded, or images."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, CLASSES, rows)
    if name == "vit":
        return {"pixel_values": rng.normal(size=(rows, 1, 4, 4)).astype("f4"), "labels": classes}
    mask = (np.arange(LENGTH) < rng.integers(2, LENGTH, rows)[:, None]).astype(int)
    ids = rng.integers(1, VOCABULARY, (rows, LENGTH)) * mask
    labels = {
        "bert": classes,
        "tagger": np.where(mask, rng.integers(0, CLASSES, mask.shape), -100),
    }.get(name, np.where(mask, ids, -100))
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def saved(model, folder):
    """``model`` as ``save_pretrained`` leaves it in ``folder``."""
    t = pytest.importorskip("transformers")
    t.utils.logging.disable_progress_bar()
    model.save_pretrained(folder)
    return folder


def opened(folder, data, **settings):
    """The target of the folder's network on ``data``, in float64."""
    np.savez(folder / "data.npz", **data)
    settings = {"dtype": "float64", "data": f"{folder / 'data.npz'}"} | settings
    return open_target(folder, TargetSettings(**settings))


def products(target, name="hessian"):
    """The operator times the directions that :func:`own` takes."""
    operator = make_operator(target.risk, name)
    return torch.stack([operator @ v for v in directions(operator.dim)])


def directions(dim):
    """What matrices are compared on; shape (8, dim)."""
    return torch.randn(8, dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def own(model, data):
    """The loss that ``model`` itself computes, and its Hessian times some directions; float64."""
    model = model.double()
    batch = {k: torch.as_tensor(v) for k, v in data.items()}
    batch = {k: v.double() if v.is_floating_point() else v for k, v in batch.items()}
    theta = [p for p in model.parameters() if p.requires_grad]

    def derivative(value):
        found = torch.autograd.grad(value, theta, create_graph=True, materialize_grads=True)
        return torch.cat([part.flatten() for part in found])

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        loss = model(**batch).loss
        slope = derivative(loss)
    rows = [derivative(slope @ v).detach() for v in directions(len(slope))]
    return loss.item(), torch.stack(rows)


def is_close(found, expected, rtol=1e-6):
    """Whether two matrices or vectors agree in norm."""
    return float((found - expected).norm()) < rtol * float(expected.norm())
