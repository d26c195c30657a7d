"""A low-rank adapter by peft on a frozen BERT: the flatness of what was trained.

::

    python lora.py
    landscape analyze lora --adapter lora_adapter --data lora.npz -o reports/lora
"""

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import BertConfig, BertForSequenceClassification

NUM_TOKENS, LENGTH = 8, 6


def main() -> None:
    """Train the adapter to tell which of two tokens a text begins with; save all three."""
    torch.manual_seed(0)
    ids = torch.randint(1, NUM_TOKENS, (300, LENGTH))
    labels = (torch.rand(300) < 0.5).long()
    ids[:, 0] = 1 + labels
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    ends = {"intermediate_size": 16, "max_position_embeddings": LENGTH}
    base = BertForSequenceClassification(BertConfig(vocab_size=NUM_TOKENS, **sizes, **ends))
    base.save_pretrained("lora")
    net = get_peft_model(base, LoraConfig(task_type="SEQ_CLS", r=2))
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(100):
        optimiser.zero_grad()
        net(**batch).loss.backward()
        optimiser.step()
    net.save_pretrained("lora_adapter")
    np.savez("lora.npz", **{name: t.numpy() for name, t in batch.items()})


if __name__ == "__main__":
    main()
