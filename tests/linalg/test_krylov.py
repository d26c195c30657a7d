import pytest
import torch
from memory import Memory
from torch.testing import assert_close

from landscape.linalg.krylov import analyse_spectrum, subspace_overlap
from landscape.linalg.lanczos import lanczos
from landscape.linalg.moments import form_covariance
from landscape.linalg.operator import DenseOperator
from landscape.linalg.probe_record import ProbeRecord
from landscape.linalg.probes import sphere
from landscape.linalg.quadrature import negative_mass
from landscape.linalg.restart import Basis

EPS = torch.finfo(torch.float64).eps


def skewed_spectrum(n):
    """Outliers of both signs over a bulk that straddles zero."""
    bulk = torch.linspace(-0.1, 0.3, n - 8, dtype=torch.float64)
    return torch.cat([torch.tensor([9.0, 7.0, 5.0, 4.0, 3.0, -2.0, -1.5, -1.0]), bulk]).double()


def run(A, rng, **settings):
    defaults = {
        "num_largest": 5,
        "num_smallest": 3,
        "tol": 1e-7,
        "num_probes": 6,
        "num_steps": 20,
        "max_matvecs": 600,
        "rng": rng,
    }
    return analyse_spectrum(A, **{**defaults, **settings})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_estimate_lies_within_four_stderr(seed, operator_with):
    rng = torch.Generator().manual_seed(seed)
    values = skewed_spectrum(200)
    A = operator_with(values, rng)
    result = run(A, rng)

    exact = {
        "trace": values.sum(),
        "frobenius_squared": (values**2).sum(),
        "effective_rank": values.sum() ** 2 / (values**2).sum(),
    }
    for name, value in exact.items():
        estimate = getattr(result, name)
        assert abs(estimate.mean - float(value)) <= 4 * estimate.stderr, name
    assert_close(result.eigenpairs.values, torch.cat([values[:5], values[[7, 6, 5]]]))


SPECTRA = {
    "outliers": skewed_spectrum(40),
    "flat": torch.linspace(0.5, 1.5, 40, dtype=torch.float64),
    "power law": torch.arange(1, 41, dtype=torch.float64) ** -1.5,
    "both signs": torch.linspace(-1, 1, 40, dtype=torch.float64) ** 3,
    "a few": torch.tensor([3.0, 1.0, 0.2, -0.5], dtype=torch.float64),
}


@pytest.mark.parametrize("num_steps", [2, 3])
@pytest.mark.parametrize("values", SPECTRA.values(), ids=SPECTRA)
def test_one_probe_gives_the_covariance_of_trace_and_norm_without_bias(
    values, num_steps, operator_with, rng
):
    A, d = operator_with(values, rng), len(values)
    sums = {k: float((values**k).sum()) for k in range(1, 5)}
    exact = torch.tensor(
        [[2 * d / (d + 2) * (sums[i + j] - sums[i] * sums[j] / d) for j in (1, 2)] for i in (1, 2)],
        dtype=torch.float64,
    )
    found = []
    for _ in range(400):
        T = lanczos(A, sphere(A, rng), num_steps)
        record = ProbeRecord(values[:0], T.alphas.tolist(), T.betas.tolist())
        found.append(form_covariance([record], d))
    stderr = torch.stack(found).std(0) / 400**0.5
    assert bool(((torch.stack(found).mean(0) - exact).abs() <= 4 * stderr).all())


@pytest.mark.parametrize("name", ["trace", "frobenius_squared", "effective_rank"])
def test_the_error_of_two_probes_can_be_relied_on(name, operator_with):
    """Four errors hold in each of 60 runs; over those of two samples they would not in a sixth."""
    values = skewed_spectrum(120)
    exact = {"trace": values.sum(), "frobenius_squared": (values**2).sum()}
    exact["effective_rank"] = exact["trace"] ** 2 / exact["frobenius_squared"]
    errors, stderrs = [], []
    for seed in range(60):
        rng = torch.Generator().manual_seed(seed)
        result = run(operator_with(values, rng), rng, num_probes=2, num_steps=4, tol=1e-3)
        found = getattr(result, name)
        errors.append(found.mean - float(exact[name]))
        stderrs.append(found.stderr)
    z = torch.tensor(errors) / torch.tensor(stderrs)
    assert z.abs().max() < 4
    # Unbiased, too: the mean of 60 squares, each 1 up to sqrt(2), within three of its own errors.
    assert float(z.square().mean()) == pytest.approx(1, abs=3 * (2 / 60) ** 0.5)


def test_each_matvec_is_paid_once_and_feeds_everything(operator_with, rng):
    A = operator_with(skewed_spectrum(200), rng)
    result = run(A, rng)
    pairs = result.eigenpairs
    assert A.num_matvecs == result.num_matvecs == pairs.num_matvecs
    assert pairs.num_check == 6 * 20
    assert pairs.num_verification == len(pairs.values) == 8
    assert [len(rule.nodes) for rule in result.rules] == [8 + 20] * 6


def test_deflation_takes_the_outliers_out_of_the_error(operator_with, rng):
    values = skewed_spectrum(200)
    A = operator_with(values, rng)
    deflated = run(A, rng)
    plain = run(A, rng, num_largest=1, num_smallest=0, tol=1e-2)
    assert deflated.trace.stderr < 0.5 * plain.trace.stderr
    assert deflated.frobenius_squared.stderr < 0.2 * plain.frobenius_squared.stderr


def test_rules_are_measures_with_exact_atoms(operator_with, rng):
    result = run(operator_with(skewed_spectrum(200), rng), rng)
    for rule in result.rules:
        assert float(rule.weights.sum()) == pytest.approx(1.0)
        assert bool((rule.nodes.diff() >= 0).all())
        top = abs(rule.nodes - 9.0) < 1e-6
        assert_close(rule.weights[top], torch.tensor([1 / 200], dtype=torch.float64))


def test_estimates_are_unbiased_though_the_deflation_is_random(operator_with):
    # Multiple eigenvalues, few steps, nothing converged: the worst case for independence.
    values = torch.cat([torch.full((6,), 3.0), torch.linspace(0, 1, 54)]).double()
    A = operator_with(values, torch.Generator().manual_seed(0))
    errors = []
    for seed in range(300):
        rng = torch.Generator().manual_seed(seed)
        result = run(
            A, rng, num_largest=2, num_smallest=0, num_probes=2, num_steps=3, max_matvecs=14
        )
        errors.append(result.trace.mean - float(values.sum()))
    errors = torch.tensor(errors, dtype=torch.float64)
    assert abs(float(errors.mean())) <= 4 * float(errors.std()) / 300**0.5


def test_copies_that_the_first_probe_cannot_see_are_found_by_the_others(operator_with, rng):
    values = skewed_spectrum(200)
    values[:3] = 9.0
    pairs = run(operator_with(values, rng), rng).eigenpairs
    assert_close(pairs.largest, values[:5])


def test_small_or_simple_operators_are_known_exactly(spectrum, operator_with, rng):
    A = operator_with(spectrum, rng)
    result = run(A, rng, num_largest=12, num_smallest=2, num_steps=12)
    assert result.trace.mean == pytest.approx(
        float(spectrum.sum()), abs=1e-12 * float(spectrum.abs().max())
    )
    assert result.frobenius_squared.mean == pytest.approx(float((spectrum**2).sum()))
    assert bool(result.eigenpairs.converged.all())
    assert (result.trace.stderr, result.trace.num_probes) == (0.0, 0)


@pytest.mark.parametrize("value", [0.0, 1.0, -2.5])
def test_multiples_of_the_identity(value, operator_with, rng):
    A = DenseOperator(value * torch.eye(50, dtype=torch.float64))
    result = run(A, rng)
    assert result.trace.mean == pytest.approx(50 * value)
    assert result.trace.stderr == pytest.approx(0, abs=1e-12)
    assert len(result.eigenpairs.values) == 8
    share = negative_mass(result.rules, 1e-9, dim=50, num_steps=10)
    assert share.mean == (1.0 if value < 0 else 0.0)
    assert result.effective_rank.mean == pytest.approx(50.0 if value else 0.0)


@pytest.mark.parametrize("stop_at", [0, 15, 33, 60, 100])
def test_continues_from_a_state_to_the_same_result(stop_at, operator_with):
    A = operator_with(skewed_spectrum(100), torch.Generator().manual_seed(0))
    memory = Memory()
    whole = run(A, torch.Generator().manual_seed(4), keep=memory)
    before, begun = A.num_matvecs, memory.states[stop_at]
    rest = run(A, torch.Generator(), keep=Memory(begun))
    assert rest.num_matvecs == whole.num_matvecs
    assert A.num_matvecs - before == whole.num_matvecs - int(begun["num_matvecs"])
    assert (rest.trace, rest.frobenius_squared) == (whole.trace, whole.frobenius_squared)
    assert torch.equal(rest.eigenpairs.values, whole.eigenpairs.values)
    for a, b in zip(rest.rules, whole.rules, strict=True):
        assert torch.equal(a.nodes, b.nodes)


def test_keeps_the_limit_and_the_probes_when_pairs_do_not_converge(operator_with, rng):
    A = operator_with(torch.linspace(-1, 1, 400), rng)
    result = run(A, rng, tol=1e-10, max_matvecs=180)
    assert A.num_matvecs <= 180
    assert not bool(result.eigenpairs.converged.all())
    assert result.trace.num_probes == 6
    assert abs(result.trace.mean) <= 4 * result.trace.stderr


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_probes": 1}, "num_probes and num_steps must be at least 2"),
        ({"max_matvecs": 100}, "max_matvecs must be at least"),
        ({"basis": Basis(max_rows=20)}, "max_rows must be at least 28"),
    ],
)
def test_refuses_settings_that_cannot_work(settings, message, operator_with, rng):
    with pytest.raises(ValueError, match=message):
        run(operator_with(skewed_spectrum(100), rng), rng, **settings)


def test_overlap_of_subspaces():
    e = torch.eye(6, dtype=torch.float64)
    assert subspace_overlap(e[:2], e[:3]) == 1.0
    assert subspace_overlap(e[:2], e[2:5]) == 0.0
    assert subspace_overlap(e[:2], e[1:3]) == 0.5
    rotated = torch.linalg.qr(torch.ones(3, 3).double() + e[:3, :3])[0] @ e[:3]
    assert subspace_overlap(rotated, e[:3]) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="orthonormal rows of one length"):
        subspace_overlap(e[:2], e[:2, :4])
