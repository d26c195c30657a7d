import pytest
from click.testing import CliRunner

from landscape.cli.commands.report import report
from landscape.cli.commands.study import study
from landscape.study.plan_file import load_plan

PLAN = """
seeds = 2
[training]
data = "fashion-mnist-embedded"
channels = 1
num_time_steps = 1
images = 64
epochs = 1
batch_size = 32
[grid]
init = ["ikun_v1", "kaiming"]
optimizer = ["adam"]
[analysis]
only = ["scaled"]
examples = 64
[comparison]
primary = ["lambda_max[filter]"]
contrasts = [["ikun_v1-adam", "kaiming-adam"]]
"""


@pytest.fixture
def plan_file(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(PLAN, encoding="utf-8")
    return path


def run(*arguments):
    return CliRunner().invoke(study, [str(a) for a in arguments], catch_exceptions=False)


def test_a_dry_run_lists_the_runs_forecasts_them_and_writes_nothing(plan_file, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    result = run(plan_file, "-o", tmp_path / "out", "--dry-run")
    assert result.exit_code == 0
    for run_ in load_plan(plan_file).runs:
        assert run_.label in result.stdout
    assert "4 runs, 4 of them waiting" in result.stdout
    assert "hours on one process" in result.stdout
    assert sorted(tmp_path.rglob("*")) == before


def test_too_few_seeds_are_told_of_before_anything_runs(plan_file, tmp_path):
    result = run(plan_file, "-o", tmp_path / "out", "--dry-run")
    assert "2 pairs of runs: tendencies only" in result.stderr
    assert "6 needed" in result.stderr


@pytest.mark.parametrize("shard", ["2", "a/b", "1/"])
def test_a_shard_that_is_none_is_refused(plan_file, tmp_path, shard):
    result = run(plan_file, "-o", tmp_path / "out", "--shard", shard)
    assert result.exit_code == 2
    assert "I/N" in result.stderr


_FIRST = ("lambda_max[filter] hessian", "expected_rise[filter] ρ=0.03")
_ABOVE_ROUGHNESS = ("frobenius_norm[filter] hessian", "expected_rise[filter] ρ=0.2")


@pytest.mark.parametrize(
    ("name", "primary"),
    [
        ("published", _FIRST),
        ("paired", (_FIRST[0], _ABOVE_ROUGHNESS[1])),
        ("smoke", _FIRST),
        ("small", _ABOVE_ROUGHNESS),
        ("scatter", _ABOVE_ROUGHNESS),
        ("lif", _ABOVE_ROUGHNESS),
        ("second-size", _ABOVE_ROUGHNESS),
    ],
)
def test_shipped_plans_are_valid(name, primary, request):
    path = request.config.rootpath / "studies" / f"{name}.toml"
    plan = load_plan(path)
    assert plan.comparison.primary == primary
    # A study that is to decide something has the seeds for it.
    assert bool(plan.warnings) == (name in ("published", "smoke"))


def test_it_ends_with_its_numbers_and_the_report_made_again_is_its_own(plan_file, tmp_path):
    out = tmp_path / "out"
    ended = run(plan_file, "-o", out, "--jobs", 1, "--quiet", "--figures", "png")
    assert ended.exit_code == 0
    told = ended.stdout
    by_group, by_checkpoint = told.index("λ_max (filter)"), told.index("kaiming-adam-s0")
    verdicts, written = told.index("Verdicts, beside"), told.index("written")
    assert by_group < by_checkpoint < verdicts < written
    counted = sorted(line.split()[:2] for line in told.splitlines() if "-adam  2 " in line)
    assert counted == [["ikun_v1-adam", "2"], ["kaiming-adam", "2"]]
    assert str(out / "index.html") in "".join(told.split())
    assert {f.suffix for f in (out / "figures").iterdir()} == {".svg", ".png"}
    first = (out / "index.html").read_bytes()
    assert b'id="runs"' in first
    again = CliRunner().invoke(report, [str(out), "--figures", "png"], catch_exceptions=False)
    assert again.exit_code == 0
    assert (out / "index.html").read_bytes() == first
