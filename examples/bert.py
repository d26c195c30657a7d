"""A BERT that tells texts apart, as the folder that transformers saved; texts as JSON lines.

::

    python bert.py
    landscape analyze bert --data bert.jsonl -o reports/bert
"""

import json
from pathlib import Path

import torch
from transformers import BertConfig, BertForSequenceClassification

NUM_TOKENS = 8


def main() -> None:
    """Train to tell by which of two tokens a text begins, of texts of unequal length."""
    torch.manual_seed(0)
    rows = []
    for label in torch.randint(2, (200,)).tolist():
        rest = torch.randint(3, NUM_TOKENS, (int(torch.randint(1, 6, ())),)).tolist()
        rows.append({"input_ids": [1 + label, *rest], "labels": label})
    Path("bert.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    ends = {"intermediate_size": 8, "max_position_embeddings": 8}
    net = BertForSequenceClassification(BertConfig(vocab_size=NUM_TOKENS, **sizes, **ends))
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    for row in rows:
        optimiser.zero_grad()
        net(torch.tensor([row["input_ids"]]), labels=torch.tensor([row["labels"]])).loss.backward()
        optimiser.step()
    net.save_pretrained("bert")


if __name__ == "__main__":
    main()
