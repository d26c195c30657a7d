import json

from click.testing import CliRunner

from landscape.cli.commands.data import data
from landscape.data import open_dataset, select_examples


def invoke(*args):
    return CliRunner().invoke(data, [str(arg) for arg in args])


def test_info_tells_what_is_used():
    arguments = ["info", "fashion-mnist-embedded", "--split", "test", "--examples", 20]
    record = json.loads(invoke(*arguments, "--json").stdout)
    whole = open_dataset("fashion-mnist-embedded", split="test")
    chosen = select_examples(whole, 20, seed=0)
    assert record["source"] == "embedded subset, 1,000 images"
    assert (record["num_examples"], record["shape"]) == (20, [1, 28, 28])
    assert (record["sha256"], record["indices_sha256"]) == (chosen.sha256, chosen.indices_sha256)
    assert chosen.sha256 in invoke(*arguments).stdout


def test_fetch_goes_to_the_cache_or_where_it_is_told(monkeypatch, no_copies):
    calls = []

    def record(files, url, folder, progress):
        calls.append((url, folder))
        progress(files[0].name, 5, files[0].size)
        return [folder / file.name for file in files]

    monkeypatch.setattr("landscape.data.fetch.fetch", record)
    assert invoke("fetch", "fashion-mnist").exit_code == 0
    result = invoke(
        "fetch", "fashion-mnist", "--to", no_copies / "a", "--url", "http://x", "--quiet"
    )
    assert result.stdout.splitlines()[0] == str(no_copies / "a" / "train-images-idx3-ubyte.gz")
    home = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
    cache = no_copies / "cache" / "landscape" / "fashion-mnist"
    assert calls == [(home, cache), ("http://x", no_copies / "a")]


def test_other_names_are_refused():
    result = invoke("fetch", "mnist")
    assert result.exit_code == 2
    assert "fashion-mnist" in result.output
