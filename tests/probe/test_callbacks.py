"""The probe where people train: three lines in each, and the run's own bits."""

import json
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import landscape
from landscape.extras import library

X, Y = torch.linspace(-1, 1, 240).view(40, 6), torch.arange(40) % 3


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))


@pytest.mark.filterwarnings("ignore")  # Lightning's advice on workers, and its dependencies'
@pytest.mark.parametrize(
    "ways", [{}, {"accumulate_grad_batches": 2}, {"precision": "bf16-mixed"}], ids=str
)
def test_lightning(ways, tmp_path):
    import lightning
    from lightning.pytorch.loggers import CSVLogger

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net, self.losses = network(), []

        def forward(self, x):
            return self.net(x)

        def training_step(self, batch, index):
            loss = F.cross_entropy(self(batch[0]), batch[1])
            self.losses.append(loss.item())
            return loss

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=0.01)

    def fitted(folder, *callbacks):
        lightning.seed_everything(0, verbose=False)
        module = Module()
        trainer = lightning.Trainer(
            max_epochs=2,
            callbacks=list(callbacks),
            logger=CSVLogger(folder),
            accelerator="cpu",
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            **ways,
        )
        trainer.fit(module, DataLoader(TensorDataset(X, Y), batch_size=10, shuffle=True))
        return module.losses, trainer

    from landscape.probe.lightning import ProbeCallback

    probe = landscape.Probe("cross-entropy", (X, Y), every=2, budget=1)
    losses, trainer = fitted(tmp_path / "with", ProbeCallback(probe))
    assert losses == fitted(tmp_path / "without")[0]
    lines = (tmp_path / "with").rglob("probe.jsonl")
    records = [json.loads(line) for line in next(lines).read_text().splitlines()]
    first = 1 if len(ways) == 0 or "precision" in ways else 0
    assert [r["step"] for r in records] == list(range(first, trainer.global_step + 1, 2))
    assert records[-1]["edge_of"] == "preconditioned_lambda_max"
    logged = (tmp_path / "with").rglob("metrics.csv")
    assert "probe/lambda_max" in next(logged).read_text()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ways", [{}, {"gradient_accumulation_steps": 2}], ids=str)
def test_transformers_trainer(ways, tmp_path):
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    from landscape.probe.transformers import ProbeCallback

    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    rows = [
        {
            "input_ids": torch.arange(k, k + 5) % 20,
            "attention_mask": torch.ones(5).long(),
            "labels": k % 2,
        }
        for k in range(24)
    ]

    def trained(folder, *, with_probe):
        torch.manual_seed(0)
        model = BertForSequenceClassification(
            BertConfig(vocab_size=20, intermediate_size=8, **sizes)
        )
        arguments = TrainingArguments(
            str(folder),
            max_steps=6,
            per_device_train_batch_size=4,
            logging_steps=1,
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            save_strategy="no",
            **ways,
        )
        trainer = Trainer(model, arguments, train_dataset=rows)
        if with_probe:
            few = DataLoader(rows[:8], batch_size=4, collate_fn=trainer.data_collator)
            probe = landscape.Probe(None, few, every=2, budget=1)
            trainer.add_callback(ProbeCallback(probe, trainer.log))
        trainer.train()
        history = trainer.state.log_history
        own = [entry["loss"] for entry in history if "loss" in entry]
        probed = [entry for entry in history if "probe/lambda_max" in entry]
        return own, probed, model.state_dict()

    own, probed, weights = trained(tmp_path / "with", with_probe=True)
    losses, _, bare = trained(tmp_path / "without", with_probe=False)
    assert own == losses
    assert len(own) == 6
    assert all(torch.equal(weights[name], bare[name]) for name in bare)
    assert [entry["step"] for entry in probed] == [1, 3, 5]
    records = [
        json.loads(line) for line in (tmp_path / "with" / "probe.jsonl").read_text().splitlines()
    ]
    assert [r["step"] for r in records] == [1, 3, 5]
    assert any("network's own" in note for note in records[0]["notes"])
    assert records[-1]["lambda_max"] == probed[-1]["probe/lambda_max"]


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    with pytest.raises(ValueError, match=r"a probe in Lightning needs lightning: pip install"):
        library("lightning.pytorch", "a probe in Lightning")
