"""Checkpoints as trainers leave them, written by these where they are installed."""

import pytest
import torch
from torch import nn
from transformers_networks import arrays, tiny

from landscape.checkpoint.errors import CheckpointError
from landscape.checkpoint.inspection import inspect_checkpoint
from landscape.checkpoint.load import load_checkpoint
from landscape.checkpoint.match import load_into
from landscape.checkpoint.models import model_of

# Of the trainers, at what they call.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def net():
    return nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 2))


def same(model, expected):
    return all(torch.equal(t, expected[name]) for name, t in model.state_dict().items())


@pytest.mark.parametrize("attribute", ["model", "student"])
def test_lightning(attribute, tmp_path):
    lightning = pytest.importorskip("lightning")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.save_hyperparameters()
            setattr(self, attribute, net())
            self.criterion = nn.CrossEntropyLoss(weight=torch.ones(2))

        def training_step(self, batch, index):
            return self.criterion(getattr(self, attribute)(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters())

    data = torch.utils.data.TensorDataset(torch.randn(4, 3), torch.tensor([0, 1, 0, 1]))
    trainer = lightning.Trainer(
        max_steps=1, logger=False, enable_progress_bar=False, accelerator="cpu",
        enable_model_summary=False, default_root_dir=tmp_path, enable_checkpointing=False,
    )  # fmt: skip
    module = Module()
    trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=4))
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    model = net()
    notes = load_into(model, load_checkpoint(tmp_path / "last.ckpt"))
    assert same(model, getattr(module, attribute).state_dict())
    assert any("criterion.weight" in note for note in notes)


def test_transformers_trainer(tmp_path):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    model, data = tiny("bert"), arrays("bert")
    rows = [{k: torch.as_tensor(v[n]) for k, v in data.items()} for n in range(4)]
    settings = transformers.TrainingArguments(
        output_dir=tmp_path, max_steps=1, save_steps=1, report_to="none", use_cpu=True,
        disable_tqdm=True,
    )  # fmt: skip
    transformers.Trainer(model=model, args=settings, train_dataset=rows).train()
    found, _ = model_of(load_checkpoint(tmp_path / "checkpoint-1"))
    assert same(found, model.state_dict())


def test_accelerate(tmp_path):
    accelerate = pytest.importorskip("accelerate")
    accelerator = accelerate.Accelerator(cpu=True)
    model = net()
    accelerator.prepare(model, torch.optim.Adam(model.parameters()))
    accelerator.save_state(str(tmp_path / "safe"))
    accelerator.save_state(str(tmp_path / "pickled"), safe_serialization=False)
    for folder in ("safe", "pickled"):
        found = net()
        load_into(found, load_checkpoint(tmp_path / folder))
        assert same(found, model.state_dict())


def test_deepspeed(tmp_path):
    """As its engine's save_checkpoint lays them out; the weights lie under 'module'."""
    model, step = net(), tmp_path / "global_step10"
    step.mkdir()
    (tmp_path / "latest").write_text("global_step10")
    states = {"module": model.state_dict(), "buffer_names": [], "dp_world_size": 1, "lr": 0.1}
    torch.save(states, step / "mp_rank_00_model_states.pt")
    torch.save({"optimizer_state_dict": {}}, step / "zero_pp_rank_0_mp_rank_00_optim_states.pt")
    for path in (tmp_path, step, step / "mp_rank_00_model_states.pt"):
        found = net()
        load_into(found, load_checkpoint(path))
        assert same(found, model.state_dict())


def test_parts_of_zero_3_are_refused(tmp_path):
    """As its engine's save_checkpoint lays them out: in the model states each weight is empty."""
    model, step = net(), tmp_path / "global_step10"
    step.mkdir()
    (tmp_path / "latest").write_text("global_step10")
    empty = {name: torch.empty(0) for name in model.state_dict()}
    shapes = [{name: p.shape for name, p in model.named_parameters()}]
    states = {"module": empty, "param_shapes": shapes, "buffer_names": [], "dp_world_size": 2}
    for rank in range(2):
        torch.save(states, step / f"zero_pp_rank_{rank}_mp_rank_00_model_states.pt")
        part = {"optimizer_state_dict": {"zero_stage": 3, "fp32_flat_groups": [torch.ones(7)]}}
        torch.save(part, step / f"zero_pp_rank_{rank}_mp_rank_00_optim_states.pt")
    for path in (tmp_path, step, step / "zero_pp_rank_0_mp_rank_00_model_states.pt"):
        for read in (load_checkpoint, inspect_checkpoint):
            with pytest.raises(
                CheckpointError, match=r"ZeRO 3.*python zero_to_fp32\.py \. weights"
            ):
                read(path)


@pytest.mark.parametrize("name", ["../elsewhere", "", "none_such", "."])
def test_a_folder_that_names_none_within_it_is_refused(name, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "latest").write_text(name)
    with pytest.raises(CheckpointError, match="names no folder in it"):
        load_checkpoint(tmp_path / "run")
