"""What is saved is what is loaded, and JSON stays JSON."""

import json
import math

import numpy as np
import pytest

from landscape.results import (
    DirectionSpec,
    Eigenvalues,
    LossLine,
    OperatorSpec,
    Provenance,
    ResultError,
    Subject,
    TrainingInfo,
    load_result,
    save_result,
)
from landscape.values import Eigenvalue


@pytest.fixture
def header():
    subject = Subject(
        label="a", checkpoint="a.pth", checkpoint_sha256="0" * 64, model="mlp", spiking=False,
        num_params=5, data="made", data_source="test", split="train", num_examples=3,
        examples_sha256="1" * 64, loss_name="mse", loss=0.5, grad_norm=0.1, notes=("one", "two"),
        training=TrainingInfo(
            init="lecun", optimizer="sgd", learning_rate=0.1, seed=3, epoch=2, num_epochs=2
        ),
    )  # fmt: skip
    provenance = Provenance(
        command="x", seed=0, device="cpu", num_threads=1, seconds=1.0, versions={"torch": "2"}
    )
    return {"subject": subject, "provenance": provenance}


@pytest.fixture
def eigenvalues(header):
    return Eigenvalues(
        **header,
        operator=OperatorSpec(name="hessian", num_params=5),
        largest=(Eigenvalue(value=2.0, residual=1e-6, converged=True),),
        smallest=(),
        tol=1e-4,
        num_matvecs=7,
        method="dense",
        shards=((1.0, 2.0), (3.0, 2.0)),
    )


def test_scalars_survive_the_round_trip(eigenvalues, tmp_path):
    save_result(eigenvalues, tmp_path / "e.json")
    loaded = load_result(tmp_path / "e.json")
    assert vars(loaded) == vars(eigenvalues)
    assert not (tmp_path / "e.npz").exists()


def test_arrays_keep_nan_and_infinity(header, tmp_path):
    line = LossLine(
        **header,
        direction=DirectionSpec(kind="random", normalisation="filter", sha256="2", norm=1.0),
        axis=np.array([-1.0, 0.0, 1.0]),
        losses=np.array([np.nan, 0.5, np.inf]),
    )
    save_result(line, tmp_path / "line.json")
    loaded = load_result(tmp_path / "line.json")
    np.testing.assert_array_equal(loaded.losses, line.losses)
    assert loaded.accuracies is None
    assert loaded.record()["losses"] == [None, 0.5, None]
    json.loads((tmp_path / "line.json").read_text(), parse_constant=pytest.fail)


def test_record_is_flat_with_the_subject_beside_the_numbers(eigenvalues):
    record = eigenvalues.record()
    (largest,) = record["largest"]
    about = {"residual": 1e-6, "converged": True, "rank_shown": False, "population": None}
    assert largest == {"value": 2.0} | about
    assert (record["operator"], record["loss"], record["num_params"]) == ("hessian", 0.5, 5)
    json.dumps(record, allow_nan=False)


def test_standard_error_over_shards_is_that_of_their_mean(eigenvalues):
    assert eigenvalues.shard_stderr == pytest.approx((1.0, 0.0))


def test_nan_in_a_scalar_is_refused(header, tmp_path):
    from dataclasses import replace

    bad = {**header, "subject": replace(header["subject"], loss=float("nan"))}
    result = Eigenvalues(
        **bad, operator=OperatorSpec(name="hessian", num_params=5), largest=(), smallest=(),
        tol=1e-4, num_matvecs=0, method="none",
    )  # fmt: skip
    with pytest.raises(ValueError, match="JSON"):
        save_result(result, tmp_path / "bad.json")
    assert list(tmp_path.iterdir()) == []


def test_keys_of_newer_versions_are_passed_over(eigenvalues, tmp_path):
    save_result(eigenvalues, tmp_path / "e.json")
    document = json.loads((tmp_path / "e.json").read_text())
    document["result"]["invented_later"] = 1
    (tmp_path / "e.json").write_text(json.dumps(document))
    assert load_result(tmp_path / "e.json").num_matvecs == 7


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema_version": 99, "type": "Eigenvalues", "result": {}}',
     '{"schema_version": 1, "type": "Unknown", "result": {}}',
     '{"schema_version": 1, "type": "Eigenvalues", "result": {}}'],
)  # fmt: skip
def test_other_files_are_refused_in_words(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ResultError, match=r"x\.json"):
        load_result(tmp_path / "x.json")


def test_a_result_without_its_arrays_is_refused(header, tmp_path):
    line = LossLine(
        **header,
        direction=DirectionSpec(kind="random", normalisation="none", sha256="2", norm=1.0),
        axis=np.zeros(2),
        losses=np.zeros(2),
    )
    save_result(line, tmp_path / "line.json")
    (tmp_path / "line.npz").unlink()
    with pytest.raises(ResultError, match="incomplete"):
        load_result(tmp_path / "line.json")


def test_losses_that_overflowed_are_stored_as_unknown(header, tmp_path):
    result = Eigenvalues(
        **header, operator=OperatorSpec(name="hessian", num_params=5), largest=(), smallest=(),
        tol=1e-4, num_matvecs=0, method="none", shards=((1.0, float("inf")),),
    )  # fmt: skip
    save_result(result, tmp_path / "a.json")
    ((first, second),) = load_result(tmp_path / "a.json").shards
    assert first == 1.0
    assert math.isnan(second)
