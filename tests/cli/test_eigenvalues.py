"""The numbers that commands print, against the dense double-backward Hessian in float64."""

import json

import numpy as np
import pytest
import torch


@pytest.fixture(scope="session")
def dense_hessian(smooth_checkpoint):
    """The Hessian of the checkpoint's mean loss, by torch.func alone; ascending eigenvalues."""
    path, arguments = smooth_checkpoint
    state = {k: v.double() for k, v in torch.load(path, weights_only=True).items()}
    with np.load(arguments[3]) as data:
        x, y = torch.from_numpy(data["x"]).double(), torch.from_numpy(data["y"])
    shapes = {k: v.shape for k, v in state.items()}

    def loss(theta):
        pieces = torch.split(theta, [s.numel() for s in shapes.values()])
        w1, b1, w2, b2 = (p.view(s) for p, s in zip(pieces, shapes.values(), strict=True))
        return torch.nn.functional.cross_entropy(torch.tanh(x @ w1.T + b1) @ w2.T + b2, y)

    theta = torch.cat([v.flatten() for v in state.values()])
    return torch.autograd.functional.hessian(loss, theta)


def test_eigenvalues_are_those_of_the_dense_hessian(invoke, smooth_checkpoint, dense_hessian):
    path, arguments = smooth_checkpoint
    result = invoke(
        "eigenvalues",
        path,
        *arguments,
        "--dtype",
        "float64",
        "--top",
        4,
        "--bottom",
        3,
        "--tol",
        1e-10,
        "--json",
    )
    record = json.loads(result.stdout)
    exact = torch.linalg.eigvalsh(dense_hessian).numpy()
    largest = [e["value"] for e in record["largest"]]
    smallest = [e["value"] for e in record["smallest"]]
    np.testing.assert_allclose(largest, exact[::-1][:4], rtol=0, atol=1e-8)
    np.testing.assert_allclose(smallest, exact[:3], rtol=0, atol=1e-8)
    assert all(e["converged"] for e in record["largest"] + record["smallest"])
    assert record["operator"] == "hessian"
    assert record["num_params"] == len(exact)
    assert {"num_matvecs", "loss", "accuracy", "grad_norm"} <= record.keys()


@pytest.mark.parametrize(("steps", "probes"), [(3, 7), (26, 64)])
def test_density_has_the_moments_of_the_dense_hessian(
    invoke, smooth_checkpoint, dense_hessian, steps, probes
):
    """Each probe's quadrature is exact below degree 2 steps, and the probes are unbiased.

    Where they would take as many products as there are parameters, all is known instead.
    """
    path, arguments = smooth_checkpoint
    result = invoke(
        "density", path, *arguments, "--dtype", "float64", "--steps", steps, "--probes", probes,
        "--top", 2, "--json",
    )  # fmt: skip
    record = json.loads(result.stdout)
    exact = torch.linalg.eigvalsh(dense_hessian).numpy()
    for degree in (1, 2, 3):
        moments = [
            np.sum(np.array(w) * np.array(n) ** degree)
            for n, w in zip(record["nodes"], record["weights"], strict=True)
        ]
        assert len(moments) == (probes if steps * probes < len(exact) - 2 else 1)
        stderr = np.std(moments, ddof=1) / np.sqrt(len(moments)) if len(moments) > 1 else 0.0
        assert abs(np.mean(moments) - np.mean(exact**degree)) <= 4 * stderr + 1e-12


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_trace_lies_within_four_standard_errors(invoke, smooth_checkpoint, dense_hessian, seed):
    path, arguments = smooth_checkpoint
    result = invoke(
        "trace",
        path,
        *arguments,
        "--dtype",
        "float64",
        "--seed",
        seed,
        "--json",
    )
    trace = json.loads(result.stdout)["trace"]
    exact = float(torch.trace(dense_hessian))
    assert abs(trace["mean"] - exact) <= 4 * (trace["stderr"] or 0) + 1e-9


def test_a_scale_of_symmetries_without_any_products_says_so(invoke, smooth_checkpoint):
    path, arguments = smooth_checkpoint
    line = ["eigenvalues", path, *arguments, "--top", 1, "--bottom", 0, "--scale"]
    words = "no products of weights were found: the scale symmetry is the same as weight here"
    told = invoke(*line, "symmetry")
    assert words in " ".join(told.stderr.split())
    found = json.loads(invoke(*line, "symmetry", "--json").stdout)
    assert len([note for note in found["notes"] if words in note]) == 1
    assert words not in " ".join(invoke(*line, "weight").stderr.split())
