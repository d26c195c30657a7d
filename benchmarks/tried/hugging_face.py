"""Folders by transformers and peft, and what trainers leave."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.tried import nets
from benchmarks.tried.case import Case, Tried, trained
from benchmarks.tried.nets import HERE
from benchmarks.tried.pytorch import classified

_TOKENS, _LENGTH = 7, 5
_BODY: dict[str, Any] = {
    "hidden_size": 4,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 4,
}
_TEXT: dict[str, Any] = {"vocab_size": _TOKENS, "bos_token_id": 1, "eos_token_id": 1}
_TEXT |= {"pad_token_id": 0}


def _made(name: str, head: str, **sizes: Any) -> Any:
    """A network of transformers with random weights."""
    import transformers

    config = getattr(transformers, f"{name}Config")(**sizes)
    return getattr(transformers, f"{name}{head}")(config)


def _bert() -> Any:
    sizes = {"max_position_embeddings": _LENGTH, "num_labels": nets.NUM_CLASSES}
    return _made("Bert", "ForSequenceClassification", **sizes, **_BODY, **_TEXT)


def _texts(*, classes: bool) -> dict[str, Tensor]:
    """Padded texts with a label each, or with their tokens as labels: -100 where there is none."""
    rng = torch.Generator().manual_seed(5)
    mask = (torch.arange(_LENGTH) < torch.tensor([[3], [5], [2], [4]])).long()
    ids = torch.randint(1, _TOKENS, (4, _LENGTH), generator=rng) * mask
    labels = torch.arange(4) % nets.NUM_CLASSES if classes else ids.where(mask == 1, -100)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def _pictures() -> dict[str, Tensor]:
    x, y = nets.images(side=4)
    return {"pixel_values": x, "labels": y}


def _own_loss(batch: Mapping[str, Tensor]) -> Callable[[nn.Module], Tensor]:
    def loss(model: nn.Module) -> Tensor:
        dtype = next(model.parameters()).dtype
        cast = {k: v.to(dtype) if v.is_floating_point() else v for k, v in batch.items()}
        found: Tensor = model(**cast).loss
        return found

    return loss


def _tried(model: nn.Module, batch: Mapping[str, Tensor], *words: str) -> Tried:
    """``model`` as it is saved under ``words``, on ``batch``, by the loss that it computes."""
    np.savez("data.npz", **{name: value.numpy() for name, value in batch.items()})
    model.eval().double()
    theta = [p for p in model.parameters() if p.requires_grad]
    return Tried([*words, "--data", "data.npz"], lambda: _own_loss(batch)(model), theta)


def _folder(model: Any, batch: dict[str, Tensor]) -> Tried:
    trained(model, _own_loss(batch)).save_pretrained("net")  # type: ignore[operator]
    return _tried(model, batch, "net")


def _adapter() -> Tried:
    from peft import LoraConfig, get_peft_model

    batch, base = _texts(classes=True), _bert()
    base.save_pretrained("base")
    model = get_peft_model(base, LoraConfig(task_type="SEQ_CLS", r=2))
    trained(model, _own_loss(batch)).save_pretrained("lora")  # type: ignore[operator]
    return _tried(model, batch, "base", "--adapter", "lora")


def _trainer() -> Tried:
    import transformers

    batch, model = _texts(classes=True), _bert()
    rows = [{k: v[n] for k, v in batch.items()} for n in range(4)]
    settings = transformers.TrainingArguments(
        output_dir="run", max_steps=5, save_steps=5, report_to="none", use_cpu=True,
        disable_tqdm=True, learning_rate=1e-2,
    )  # fmt: skip
    transformers.Trainer(model=model, args=settings, train_dataset=rows).train()
    return _tried(model, batch, "run/checkpoint-5")


def _perceptron(save: Callable[[nn.Module], str]) -> Tried:
    return classified(nets.mlp(), nets.vectors(), f"{HERE}:mlp", save=save)


def _state(model: nn.Module) -> str:
    import accelerate

    accelerator = accelerate.Accelerator(cpu=True)
    accelerator.prepare(model)
    accelerator.save_state("state")
    return "state"


def _distributed(model: nn.Module) -> str:
    from torch.distributed import checkpoint

    checkpoint.save({"model": model.state_dict()}, checkpoint_id=Path("dcp"))
    return "dcp"


def _safetensors(model: nn.Module) -> str:
    from safetensors.torch import save_file

    save_file(model.state_dict(), "net.safetensors")
    return "net.safetensors"


def _lightning() -> Tried:
    import pytorch_lightning

    class Task(pytorch_lightning.LightningModule):
        """A student, and the loss that it is taught by."""

        def __init__(self) -> None:
            super().__init__()
            self.student = nets.mlp()
            self.criterion = nn.CrossEntropyLoss(weight=torch.ones(nets.NUM_CLASSES))

        def training_step(self, batch: Any, _index: int) -> Tensor:
            loss: Tensor = self.criterion(self.student(batch[0]), batch[1])
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), 1e-2)

    x, y = nets.vectors()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=8)
    trainer = pytorch_lightning.Trainer(
        max_epochs=3, logger=False, enable_progress_bar=False, accelerator="cpu",
        enable_model_summary=False, enable_checkpointing=False,
    )  # fmt: skip
    task = Task()
    trainer.fit(task, loader)
    trainer.save_checkpoint("last.ckpt")
    np.savez("xy.npz", x=x.numpy(), y=y.numpy())
    words = ["last.ckpt", "--model", f"{HERE}:mlp", "--data", "xy.npz", "--loss", "cross-entropy"]
    student = task.student.double()
    return Tried(words, lambda: cross_entropy(student(x.double()), y), list(student.parameters()))


_HF = ("transformers",)
_CAUSAL = {"n_positions": _LENGTH, "n_embd": 4, "n_layer": 1, "n_head": 2, **_TEXT}
_SMALL = {"d_model": 4, "d_kv": 2, "d_ff": 4, "num_layers": 1, "num_heads": 2, **_TEXT}
_IMAGES = {"image_size": 4, "patch_size": 2, "num_channels": 1, "num_labels": nets.NUM_CLASSES}


def _of_texts(name: str, head: str, **sizes: Any) -> Callable[[], Tried]:
    return lambda: _folder(_made(name, head, **sizes), _texts(classes=False))


CASES = (
    Case(_HF, "GPT-2, padded texts", _of_texts("GPT2", "LMHeadModel", **_CAUSAL)),
    Case(
        _HF,
        "Llama, tied embeddings",
        _of_texts("Llama", "ForCausalLM", tie_word_embeddings=True, **_BODY, **_TEXT),
    ),
    Case(
        _HF,
        "T5",
        _of_texts("T5", "ForConditionalGeneration", decoder_start_token_id=0, **_SMALL),
    ),
    Case(_HF, "BERT, classes", lambda: _folder(_bert(), _texts(classes=True))),
    Case(
        _HF,
        "ViT",
        lambda: _folder(_made("ViT", "ForImageClassification", **_IMAGES, **_BODY), _pictures()),
    ),
    Case(("peft", "transformers"), "LoRA on BERT", _adapter),
    Case(("transformers", "accelerate"), "a Trainer's checkpoint of BERT", _trainer),
    Case(("accelerate",), "perceptron, save_state", lambda: _perceptron(_state)),
    Case(("pytorch-lightning",), "perceptron as self.student", _lightning),
    Case(("safetensors",), "perceptron, save_file", lambda: _perceptron(_safetensors)),
    Case((), "perceptron, torch.distributed.checkpoint", lambda: _perceptron(_distributed)),
)
