"""What processes say to each other, and what they do when one of them is gone."""

import os
import shutil
import signal
import sys
import threading

import pytest
import torch
import torch.distributed as dist
from drawn import drawn
from torch.distributed import HashStore

from landscape import distributed
from landscape.analysis.opening import make_target
from landscape.analysis.target_settings import TargetSettings
from landscape.cli import main
from landscape.curvature.hessian import HessianOperator
from landscape.distributed import (
    Group,
    PeerError,
    PeerLostError,
    all_reduce_sum,
    alone,
    from_main,
    process_group,
    rank,
    share_out,
    state_from_main,
    world_size,
)
from landscape.objective.losses import cross_entropy
from landscape.objective.pair import Loss
from landscape.results import load_result

pytestmark = pytest.mark.dist


def _conversation():
    """One of each kind of exchange."""
    total = all_reduce_sum(torch.tensor([1.0 + rank()])).item()
    told = from_main(lambda: ("said by", rank()))
    own = {"basis": torch.arange(6.0).view(2, 3), "size": 2, "norm": float("inf")}
    state = state_from_main(own if rank() == 0 else None)
    nothing = state_from_main(None)

    def refuse():
        raise OSError("the disk is full")

    try:
        from_main(refuse)
    except OSError as error:
        refusal = ("OSError", str(error))
    except PeerError as error:
        refusal = ("PeerError", str(error))
    return total, told, state, nothing, refusal


def _shared_tasks():
    """Three tasks, or as many as there are processes: what they return, and who did them."""
    done = []

    def task(k):
        done.append((k, rank(), world_size()))
        return all_reduce_sum(torch.tensor([float(k), -0.0]))  # a sum over one process

    tasks = [lambda k=k: task(k) for k in range(min(3, world_size()))]
    return [t.tolist() for t in share_out(tasks)], done


@pytest.mark.parametrize("n", [2, 4])
def test_each_task_is_done_by_one_process_alone_and_known_to_all(together, n):
    for number, (found, done) in enumerate(together(n, _shared_tasks)):
        assert str(found) == str([[float(k), -0.0] for k in range(min(3, n))])
        assert done == [(number % 3, 0, 1)]  # the fourth process repeats the first one's


def test_one_process_does_all_tasks():
    assert [t.item() for t in share_out([lambda k=k: torch.tensor(k) for k in range(3)])] == [
        0,
        1,
        2,
    ]
    with alone():
        assert (rank(), world_size()) == (0, 1)


@pytest.mark.parametrize("n", [2, 4])
def test_what_process_0_decides_holds_for_all(together, n):
    found = together(n, _conversation)
    for number, (total, told, state, nothing, refusal) in enumerate(found):
        assert total == n * (n + 1) / 2
        assert told == ("said by", 0)
        assert torch.equal(state["basis"], torch.arange(6.0).view(2, 3))
        assert (state["size"], state["norm"]) == (2, float("inf"))
        assert nothing is None
        assert refusal == ("PeerError" if number else "OSError", "the disk is full")


def _one_dies():
    all_reduce_sum(torch.zeros(1))  # both have joined
    if rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    with pytest.raises(PeerLostError) as lost:
        all_reduce_sum(torch.zeros(3))
    return str(lost.value)


def test_a_process_that_dies_ends_the_others_at_once(together):
    said, code = together(2, _one_dies)
    assert code == -signal.SIGKILL
    assert said.startswith("another process of this run ended. ")  # not: did not answer in time


def test_a_process_that_hangs_ends_the_others_within_a_minute():
    assert distributed._DEFAULT_TIMEOUT < 60


def _one_hangs(seconds, end, until):
    os.environ["LANDSCAPE_TIMEOUT"] = seconds
    try:
        with process_group():
            if rank() == 1:
                return os.read(end, 1)
            with pytest.raises(PeerLostError, match="LANDSCAPE_TIMEOUT"):
                all_reduce_sum(torch.zeros(3))
            return "ended"
    finally:
        if os.environ["RANK"] == "0":
            os.write(until, b".")


def test_a_process_that_hangs_ends_the_others(together, pipe):
    for seconds in ("2", "20", "200"):  # a busy machine may need more for joining alone
        found = together(2, _one_hangs, seconds, *pipe(), alone=True)
        if found == ["ended", b"."]:
            break
    assert found == ["ended", b"."]


def test_a_group_is_joined_once_all_have_come(monkeypatch):
    """However late: importing torch from a busy file server takes longer than an answer."""
    store, numbers, seen = HashStore(), iter((0, 1)), []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(
        distributed, "rendezvous", lambda *_, **__: iter([(store, next(numbers), 2)])
    )
    for name in ("init_process_group", "destroy_process_group"):
        monkeypatch.setattr(dist, name, lambda *_, name=name, **__: seen.append(name))

    def late():
        while not (store.num_keys() or seen):  # the first one waits, or does not
            pass
        seen.append("the last one comes")
        with process_group():
            pass

    other = threading.Thread(target=late)
    other.start()
    with process_group():
        pass
    other.join()
    assert seen[0] == "the last one comes"
    assert sorted(seen[1:]) == 2 * ["destroy_process_group"] + 2 * ["init_process_group"]


def _loads_its_own_weights():
    torch.manual_seed(rank())
    data = drawn(torch.ones(4, 2), torch.zeros(4, dtype=torch.int64), 2)
    loss, settings = Loss("cross-entropy", cross_entropy), TargetSettings()
    with pytest.raises(ValueError, match="the processes loaded different weights or examples"):
        make_target(torch.nn.Linear(2, 2), loss, data, settings, label="net")
    return "refused"


def test_processes_that_loaded_different_weights_are_refused(together):
    assert together(2, _loads_its_own_weights) == ["refused", "refused"]


def _run(arguments, dies_at=None):
    """Run the command line; process 1 kills itself at its ``dies_at``-th product."""
    if dies_at is not None and os.environ.get("RANK") == "1":
        product, calls = HessianOperator._matvec, []

        def deadly(self, v):
            calls.append(1)
            if len(calls) == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return product(self, v)

        HessianOperator._matvec = deadly
    sys.argv = ["cli.py", *map(str, arguments)]
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code


def test_another_number_of_processes_goes_on_from_the_state(together, checkpoint, tmp_path, capfd):
    """Two processes, one of which dies; then four, one of which dies; then one to the end."""
    options = ["--examples", "all", "--dtype", "float64", "--top", "5", "--bottom", "4"]
    command = ["eigenvalues", *checkpoint, *options, "--tol", "1e-8", "-o", tmp_path / "out"]
    counted = []
    for n, dies_at in ((2, 8), (4, 6)):
        codes = together(n, _run, command, dies_at, alone=True)
        assert codes[0] == 130
        assert codes[1] == -signal.SIGKILL
        (state,) = (tmp_path / "out").glob("unfinished/*/eigenvalues.state")
        counted.append(state.stat().st_size)
        assert "another process of this run ended" in capfd.readouterr().err
    assert counted[1] > counted[0]  # the second run had gone on from the first
    assert _run(command) == 0
    assert _run([*command[:-1], tmp_path / "whole"]) == 0
    parts, whole = (
        load_result(tmp_path / name / "results" / "net" / "eigenvalues.json")
        for name in ("out", "whole")
    )
    assert parts.num_matvecs == whole.num_matvecs
    values = [[e.value for e in (*r.largest, *r.smallest)] for r in (parts, whole)]
    torch.testing.assert_close(*map(torch.tensor, values), rtol=1e-10, atol=1e-10)


def _run_ahead_of_the_others(arguments, end, until):
    """Process 0 has ended its run before any other comes to say its error."""
    is_first = Group.is_first

    def late(group, text):
        if os.environ["RANK"] != "0":
            os.read(end, 1)
        return is_first(group, text)

    Group.is_first = late
    code = _run(arguments)
    if os.environ["RANK"] == "0":
        os.write(until, b"...")
    return code


def test_an_error_of_all_processes_is_told_once(together, checkpoint, capfd, pipe):
    command = ["trace", *checkpoint, "--examples", "all", "--params", "no.such.*"]
    assert together(4, _run, command, alone=True) == [2, 2, 2, 2]
    assert capfd.readouterr().err.count("Error:") == 1
    assert together(4, _run_ahead_of_the_others, command, *pipe(), alone=True) == [2, 2, 2, 2]
    assert capfd.readouterr().err.count("Error:") == 1


def test_a_command_that_cannot_share_its_work_says_so(together, checkpoint, capfd):
    assert together(2, _run, ["info", checkpoint[0]], alone=True) == [2, 2]
    message = capfd.readouterr().err
    assert message.count("runs as one process; start it without torchrun") == 1


def test_finished_checkpoints_are_kept_by_all_processes(together, checkpoint, tmp_path):
    """A process dies in the second checkpoint; the next run has products for that one alone."""
    other = tmp_path / "other.pth"
    shutil.copy(checkpoint[0], other)
    options = ["--examples", "all", "--dtype", "float64", "--max-matvecs", "20"]
    command = ["trace", other, *checkpoint, *options, "--share", "examples", "-o", tmp_path / "out"]
    assert together(2, _run, command, 25, alone=True) == [130, -signal.SIGKILL]
    kept = (tmp_path / "out" / "unfinished" / "other" / "trace.json").read_bytes()
    assert together(2, _run, command, 21, alone=True) == [0, 0]
    assert (tmp_path / "out" / "results" / "other" / "trace.json").read_bytes() == kept
    first, second = (
        load_result(tmp_path / "out" / "results" / name / "trace.json") for name in ("other", "net")
    )
    assert first.trace.mean == pytest.approx(second.trace.mean, rel=1e-10)
    assert not (tmp_path / "out" / "unfinished").exists()
