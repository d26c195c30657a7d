"""Data of named arrays, lines of JSON and saved data sets, as a network's arguments."""

import json

import numpy as np
import pytest
import safetensors.torch
import torch
from transformers_networks import VOCABULARY, arrays, opened, saved, tiny

from landscape.analysis.opening import open_target
from landscape.analysis.target_settings import TargetSettings
from landscape.data.choice import Choice
from landscape.data.choosing import open_source


def nest(spec, tokenizer=None, *, split="train", examples=None):
    choice = Choice(split=split, examples=examples, seed=0)
    source = open_source(str(spec), choice, tokenizer=tokenizer)
    (batch,) = source.batches(1000, torch.float64, torch.device("cpu"))
    return batch


def lines(path, *records):
    path.write_text("\n".join(map(json.dumps, records)) + "\n")
    return path


@pytest.fixture
def words(tmp_path):
    """A folder with a tokenizer of words: a, b, c, d are 2 to 5."""
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    table = {"<pad>": 0, "</s>": 1, "a": 2, "b": 3, "c": 4, "d": 5, "<unk>": 6}
    assert len(table) == VOCABULARY
    model = tokenizers.Tokenizer(tokenizers.models.WordLevel(table, unk_token="<unk>"))
    model.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=model, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    fast.save_pretrained(tmp_path / "words")
    return tmp_path / "words"


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_named_arrays_of_both_splits(ending, tmp_path):
    ids, labels = np.arange(6).reshape(3, 2), np.array([0, 1, 0])
    stored = {"input_ids": ids, "labels": labels, "input_ids_test": ids[:1], "labels_test": [2]}
    stored = {name: np.asarray(values) for name, values in stored.items()}
    path = tmp_path / f"data.{ending}"
    if ending == "npz":
        np.savez(path, **stored)
    else:
        safetensors.torch.save_file({k: torch.tensor(v) for k, v in stored.items()}, path)
    train, test = nest(path), nest(path, split="test")
    assert train.keys() == test.keys() == {"input_ids", "labels"}
    assert train["input_ids"].tolist() == ids.tolist()
    assert test["labels"].tolist() == [2]
    assert len(nest(path, examples=2)["labels"]) == 2


@pytest.mark.parametrize(
    ("stored", "split", "fragment"),
    [
        ({"input_ids": np.ones((3, 2)), "labels": np.ones(2)}, "train", r"labels \(2,\)"),
        ({"input_ids": np.ones((3, 2))}, "test", "no test split: it holds input_ids"),
    ],
)
def test_named_arrays_that_do_not_fit_are_told(stored, split, fragment, tmp_path):
    np.savez(tmp_path / "data.npz", **stored)
    with pytest.raises(ValueError, match=fragment):
        nest(tmp_path / "data.npz", split=split)


def test_damaged_safetensors_are_told(tmp_path):
    (tmp_path / "data.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(ValueError, match="not a sound safetensors file"):
        nest(tmp_path / "data.safetensors")


def test_rows_of_unequal_length_are_padded(tmp_path):
    path = lines(
        tmp_path / "tokens.jsonl",
        {"input_ids": [4, 5, 6], "labels": [4, 5, 6], "id": "first"},
        {"input_ids": [3], "labels": [3], "id": "second"},
    )
    found = nest(path)
    assert found.keys() == {"input_ids", "attention_mask", "labels"}  # names are no arguments
    assert found["input_ids"].tolist() == [[4, 5, 6], [3, 0, 0]]
    assert found["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert found["labels"].tolist() == [[4, 5, 6], [3, -100, -100]]


def test_texts_are_read_by_the_networks_tokenizer(words, tmp_path):
    path = lines(tmp_path / "texts.jsonl", {"text": "a b c"}, {"text": "d"})
    found = nest(path, words)
    assert found["input_ids"].tolist() == [[2, 3, 4], [5, 0, 0]]
    assert found["labels"].tolist() == [[2, 3, 4], [5, -100, -100]]  # asks for no padding
    classes = lines(
        tmp_path / "classes.jsonl", {"text": "a b", "label": 2}, {"text": "d", "label": 0}
    )
    assert nest(classes, words)["labels"].tolist() == [2, 0]
    pairs = lines(
        tmp_path / "pairs.jsonl", {"text": "a", "target": "b c"}, {"text": "b", "target": "a"}
    )
    assert nest(pairs, words)["labels"].tolist() == [[3, 4], [2, -100]]
    with pytest.raises(ValueError, match="tokenizer"):
        nest(path)
    with pytest.raises(ValueError, match="tokenizer"):
        nest(path, tmp_path)


def test_texts_are_cut_to_what_the_network_takes(words, tmp_path):
    (words / "config.json").write_text(json.dumps({"n_positions": 2}))
    path = lines(tmp_path / "texts.jsonl", {"text": "a b c d"})
    assert nest(path, words)["input_ids"].tolist() == [[2, 3]]


def test_texts_give_the_loss_of_their_tokens(words, tmp_path):
    model = tiny("gpt2")
    saved(model, words)
    path = lines(tmp_path / "texts.jsonl", {"text": "a b c d"}, {"text": "d c"}, {"text": "b a a"})
    target = open_target(words, TargetSettings(data=str(path), dtype="float64"))
    rows = [[2, 3, 4, 5], [5, 4], [3, 2, 2]]
    total, count = 0.0, 0
    with torch.no_grad():
        for row in rows:
            ids = torch.tensor([row])
            total += float(model.double()(input_ids=ids, labels=ids).loss) * (len(row) - 1)
            count += len(row) - 1
    assert target.subject.loss == pytest.approx(total / count, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        (
            '{"input_ids": [1]}\n{"input_ids": [1], "labels": [1]}\n',
            "number 2 has input_ids, labels",
        ),
        ('{"input_ids": [1]}\n{"input', "example 2 is no JSON"),
        ("[1, 2]\n", "must be an object"),
        ('{"input_ids": [[1], [2, 3]]}\n', "'input_ids' must hold numbers"),
        ('{"name": "x"}\n', "no numbers and no texts"),
        ("\n", "no examples"),
    ],
)
def test_lines_that_are_no_examples_are_told(text, fragment, tmp_path):
    (tmp_path / "data.jsonl").write_text(text)
    with pytest.raises(ValueError, match=fragment):
        nest(tmp_path / "data.jsonl")


def test_saved_data_sets(tmp_path):
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    rows = {"input_ids": [[4, 5, 6], [3]], "label": [1, 0]}
    train, test = datasets.Dataset.from_dict(rows), datasets.Dataset.from_dict({"label": [2]})
    train.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"train": train, "test": test}).save_to_disk(tmp_path / "both")
    for folder in ("one", "both"):
        found = nest(tmp_path / folder)
        assert found["input_ids"].tolist() == [[4, 5, 6], [3, 0, 0]]
        assert found["labels"].tolist() == [1, 0]
    assert nest(tmp_path / "both", split="test")["labels"].tolist() == [2]
    with pytest.raises(ValueError, match="has one split"):
        nest(tmp_path / "one", split="test")


def test_entries_that_the_network_does_not_take_are_left_out(tmp_path):
    pytest.importorskip("transformers")
    data = arrays("bert")
    folder = saved(tiny("bert"), tmp_path)
    plain, with_more = opened(folder, data), opened(folder, data | {"idx": np.arange(4)})
    assert with_more.subject.loss == plain.subject.loss
    assert any("left out: idx" in note for note in with_more.subject.notes)
