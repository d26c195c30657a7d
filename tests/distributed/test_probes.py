"""Processes that share probes, not examples, give the numbers of one process bit for bit."""

import contextlib
import io
import json
import os
import sys

import pytest
import torch
from torch import nn

from landscape.analysis import prepared
from landscape.analysis.opening import make_target
from landscape.analysis.target_settings import TargetSettings
from landscape.cli import main
from landscape.curvature.hessian import HessianOperator
from landscape.curvature.second_derivative import SecondDerivative
from landscape.data.choice import Choice
from landscape.data.choosing import source_of
from landscape.linalg.operator import SelfAdjointOperator
from landscape.objective.named import named_loss
from landscape.store import states

pytestmark = pytest.mark.dist

METHODS = {
    "xtrace": ["--max-matvecs", "25"],
    "hutch++": ["--max-matvecs", "24"],
    "hutchinson": ["--max-matvecs", "60", "--rel-error", "0.2"],
    "xnystrace": ["--max-matvecs", "23", "--operator", "ggn"],
}


def _trace(checkpoint, method, *options):
    """The command's exit code, and what it prints."""
    sys.argv = ["cli.py", "trace", *checkpoint, "--examples", "all", "--method", method]
    sys.argv += [*METHODS[method], "--quiet", "--json", *map(str, options)]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code
    return code, out.getvalue()


def _traces(checkpoint, *options):
    return {method: _trace(checkpoint, method, *options) for method in METHODS}


def _numbers(text):
    return {name: value for name, value in json.loads(text).items() if name != "provenance"}


@pytest.mark.parametrize("n", [2, 4])
def test_any_number_of_processes_gives_the_bits_of_one(together, checkpoint, n):
    alone = _traces(checkpoint)
    first, *others = together(n, _traces, checkpoint, "--share", "probes")
    for method, (code, text) in first.items():
        assert code == 0
        assert _numbers(text) == _numbers(alone[method][1])
        matvecs = [json.loads(t)["provenance"]["num_matvecs"] for t in (text, alone[method][1])]
        assert matvecs[0] == matvecs[1] > 10
    assert all(code == 0 for found in others for code, _ in found.values())


def _unchecked(risk, few):
    """In place of the check before the run, whose products are not the run's."""
    return SecondDerivative(None, reason="left out")


def _products_of_a_process(checkpoint, *options):
    """How many products this process made, and of how many examples each."""
    sizes = []
    product = HessianOperator._own_sum

    def counted(operator, v):
        sizes.append(sum(len(batch.targets) for batch in operator.risk.batches))
        return product(operator, v)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HessianOperator, "_own_sum", counted)
        patch.setattr(prepared, "check_second_derivative", _unchecked)
        _trace(checkpoint, "xtrace", *options)
    return sizes


def test_each_process_makes_its_part_of_the_products_on_all_examples(together, checkpoint):
    """25 products: 10 draws, their 10 images, 4 for the norm; 37 examples are few for two."""
    for own in together(2, _products_of_a_process, checkpoint):
        assert own == [37] * 12
    for share, sizes in zip(
        together(2, _products_of_a_process, checkpoint, "--share", "examples"),
        (19, 18),
        strict=True,
    ):
        assert share == [sizes] * 24


def _cut_off(checkpoint, out, after):
    """Run into a signal after so many products of this process; ``after`` None: to the end."""
    product, made = SelfAdjointOperator.__matmul__, []

    def counted(operator, v):
        made.append(1)
        if len(made) == after:
            raise KeyboardInterrupt
        return product(operator, v)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SelfAdjointOperator, "__matmul__", counted)
        patch.setattr(prepared, "check_second_derivative", _unchecked)
        patch.setattr(states, "_INTERVAL", 0.0)
        patch.setattr(states, "_SHARE", 1e9)
        code, text = _trace(checkpoint, "xtrace", "--share", "probes", "-o", out)
    return code, text, len(made)


def test_a_run_goes_on_with_another_number_of_processes(together, checkpoint, tmp_path):
    whole = _trace(checkpoint, "xtrace")[1]
    for code, *_ in together(2, _cut_off, checkpoint, tmp_path, 4, alone=True):
        assert code == 130
    code, text, made = _cut_off(checkpoint, tmp_path, None)
    assert (code, made) == (0, 24 - 2 * 3)
    assert _numbers(text) == _numbers(whole)
    assert json.loads(text)["provenance"]["num_matvecs"] == 24


def _train_mode(checkpoint, share):
    return _trace(checkpoint, "hutchinson", "--share", share, "--bn", "train")


def test_statistics_of_a_batch_are_whole_where_probes_are_shared(together, checkpoint):
    (code, text), _ = together(2, _train_mode, checkpoint, "probes")
    assert code == 0
    assert _numbers(text) == _numbers(_train_mode(checkpoint, "auto")[1])
    assert together(2, _train_mode, checkpoint, "examples", alone=True) == [(2, ""), (2, "")]


def _bare_norms(share):
    """Why two processes cannot make a target of batch norms without running statistics, if so."""
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3, track_running_stats=False))
    x = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
    data = source_of((x, torch.arange(8) % 3), Choice(split="train", examples="all", seed=0))
    settings = TargetSettings(share=share, batch_size=4)
    try:
        return make_target(net, named_loss("cross-entropy"), data, settings, label="n").subject.loss
    except ValueError as error:
        return str(error)


def test_norms_that_keep_no_statistics_need_whole_batches_too(together):
    torch.manual_seed(0)
    assert all("or one process" in text for text in together(2, _bare_norms, "examples"))
    assert together(2, _bare_norms, "probes") == [_bare_norms("auto")] * 2


def _overflowing(checkpoint):
    """A product overflows in the second process alone."""
    product, number = HessianOperator._own_sum, int(os.environ["RANK"])

    def broken(operator, v):
        return product(operator, v) * (float("inf") if number == 1 else 1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HessianOperator, "_own_sum", broken)
        return _trace(checkpoint, "hutchinson", "--share", "probes")[0]


def test_an_error_in_one_process_ends_all(together, checkpoint, capfd):
    assert together(2, _overflowing, checkpoint, alone=True) == [130, 2]
    assert "[process 1] Error: HessianOperator returned values that are not finite" in (
        capfd.readouterr().err
    )
