"""A small GPT-2 by transformers, saved as a folder, from training to a flatness report.

The loss is the network's own: cross entropy of the next token, a mean over the tokens that count.

::

    python language_model.py
    landscape analyze language_model --data language_model.npz -o reports/language_model
"""

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

NUM_TOKENS, LENGTH = 10, 8


def main() -> None:
    """Train on texts that count in steps of one or two, of unequal length; save net and data."""
    torch.manual_seed(0)
    start, step = torch.randint(0, NUM_TOKENS, (300, 1)), torch.randint(1, 3, (300, 1))
    ids = (start + step * torch.arange(LENGTH)) % NUM_TOKENS
    mask = (torch.arange(LENGTH) < torch.randint(3, LENGTH + 1, (300, 1))).long()
    batch = {"input_ids": ids, "attention_mask": mask, "labels": ids.where(mask == 1, -100)}
    ends = {"bos_token_id": None, "eos_token_id": None}
    sizes = {"n_positions": LENGTH, "n_embd": 8, "n_layer": 1, "n_head": 2}
    net = GPT2LMHeadModel(GPT2Config(vocab_size=NUM_TOKENS, **sizes, **ends))
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(200):
        optimiser.zero_grad()
        net(**batch).loss.backward()
        optimiser.step()
    net.save_pretrained("language_model")
    np.savez("language_model.npz", **{name: t.numpy() for name, t in batch.items()})


if __name__ == "__main__":
    main()
