"""Results of invented checkpoints, with the sizes and signs that trained networks have."""

import numpy as np

from landscape.results import (
    Check,
    DirectionSpec,
    Eigenvalues,
    Invariance,
    LayerRow,
    LayerTable,
    LossLine,
    LossPlane,
    OperatorSpec,
    Preflight,
    Provenance,
    ScaleRatio,
    SpectralDensity,
    Subject,
    Trace,
    TrainingInfo,
)
from landscape.results.probe import ProbeCurves
from landscape.results.training import TrainingCurves
from landscape.values import Eigenvalue, Estimate, Population

NUM_PARAMS = 204_032
LABELS = ("ikun_v1-s0", "ikun_v1-s1", "kaiming-s0", "kaiming-s1")
SHARPEST = {"ikun_v1-s0": 1.38, "ikun_v1-s1": 1.51, "kaiming-s0": 2.46, "kaiming-s1": 2.21}


def subject(label: str, **changes: object) -> Subject:
    seed = int(label[-1]) if label[-1].isdigit() else 0
    settings: dict[str, object] = {
        "label": label,
        "checkpoint": f"checkpoints/{label}.safetensors",
        "checkpoint_sha256": f"{abs(hash_of(label)):064x}"[:64],
        "model": "csnn?channels=16",
        "spiking": True,
        "surrogate": "atan(alpha=2)",
        "num_params": NUM_PARAMS,
        "data": "fashion-mnist",
        "data_source": "embedded subset",
        "split": "train",
        "num_examples": 1000,
        "examples_sha256": "ab" * 32,
        "loss_name": "mse",
        "loss": 0.0123 + 0.001 * seed,
        "accuracy": 0.921 - 0.004 * seed,
        "grad_norm": 0.0123,
        "training": TrainingInfo(
            init=label.rsplit("-", 1)[0],
            optimizer="adam",
            learning_rate=1e-3,
            seed=seed,
            epoch=16,
            num_epochs=16,
            train_loss=0.0125,
            train_accuracy=0.934,
            test_loss=0.0181,
            test_accuracy=0.884,
        ),
        "notes": ("num_batches_tracked ignored",),
    }
    return Subject(**(settings | changes))


def hash_of(label: str) -> int:
    return int.from_bytes(label.encode()[:8].ljust(8, b"0"), "big")


def provenance(**changes: object) -> Provenance:
    settings: dict[str, object] = {
        "command": "landscape analyze checkpoints/*.safetensors -o reports/demo",
        "seed": 0,
        "device": "cpu",
        "num_threads": 2,
        "seconds": 12.5,
        "num_matvecs": 134,
        "versions": {"landscape": "0.1.0", "torch": "2.13.0", "python": "3.11.9"},
    }
    return Provenance(**(settings | changes))


def operator(**changes: object) -> OperatorSpec:
    return OperatorSpec(**({"name": "hessian", "num_params": NUM_PARAMS} | changes))


def header(label: str, **changes: object) -> dict[str, object]:
    return {"subject": subject(label, **changes), "provenance": provenance()}


def population(value: float) -> Population:
    return Population(
        estimate=0.95 * value,
        stderr=0.03 * value,
        low=0.8 * value,
        high=1.1 * value,
        of="the training split of 20,000",
    )


def eigenvalues(label: str, **changes: object) -> Eigenvalues:
    top = SHARPEST.get(label, 1.7)
    rng = np.random.default_rng(hash_of(label) % 2**32)
    values = top / np.arange(1, 11) ** 0.55
    negative = -0.26 * top / np.arange(1, 6) ** 0.4
    settings: dict[str, object] = {
        "operator": operator(),
        "largest": tuple(
            Eigenvalue(
                value=float(v),
                residual=2e-4 * top * (1 + i),
                converged=i < 9,
                population=population(top) if i == 0 else None,
            )
            for i, v in enumerate(values)
        ),
        "smallest": tuple(
            Eigenvalue(value=float(v), residual=3e-4 * top, converged=True) for v in negative
        ),
        "tol": 1e-3,
        "num_matvecs": 134,
        "method": "thick-restart Lanczos",
        "shards": tuple(tuple(values * (1 + 0.04 * rng.standard_normal())) for _ in range(4)),
        "stability_edge": None,
    }
    return Eigenvalues(**header(label), **(settings | changes))


def density(label: str, **changes: object) -> SpectralDensity:
    top = SHARPEST.get(label, 1.7)
    atoms = np.array([e.value for e in eigenvalues(label).largest[:9]])
    bandwidth = 0.004 * top
    grid = np.linspace(-0.5 * top, 1.15 * top, 1200)
    bulk = 0.97 * np.exp(-np.abs(grid) / (0.01 * top)) / (0.02 * top)
    tails = 0.03 * np.exp(-np.abs(grid) / (0.035 * top)) / (0.07 * top)
    lines = sum(
        np.exp(-0.5 * ((grid - a) / bandwidth) ** 2) / (bandwidth * np.sqrt(2 * np.pi) * NUM_PARAMS)
        for a in atoms
    )
    values = bulk + tails + lines
    settings: dict[str, object] = {
        "operator": operator(),
        "nodes": np.tile(np.linspace(-0.3 * top, 0.5 * top, 40), (8, 1)),
        "weights": np.full((8, 40), (1 - 9 / NUM_PARAMS) / 40),
        "atoms": atoms,
        "grid": grid,
        "density": values,
        "stderr": 0.25 * (bulk + tails),
        "bandwidth": bandwidth,
        "num_probes": 8,
        "num_steps": 40,
        "num_matvecs": 320,
        "wasserstein_bound": 0.05 * top,
        "negative_mass": Estimate(mean=0.214, stderr=0.012),
        "negative_threshold": 1e-3,
    }
    return SpectralDensity(**header(label), **(settings | changes))


def trace(label: str, **changes: object) -> Trace:
    top = SHARPEST.get(label, 1.7)
    settings: dict[str, object] = {
        "operator": operator(),
        "trace": Estimate(mean=15.2 * top, stderr=0.61),
        "frobenius_norm": Estimate(mean=2.43 * top, stderr=0.052),
        "effective_rank": Estimate(mean=39.1, stderr=3.4),
        "method": "Hutchinson, deflated",
        "num_probes": 64,
        "num_matvecs": 64,
        "deflated": 9,
        "shards": (15.0 * top, 15.6 * top, 14.9 * top, 15.3 * top),
    }
    return Trace(**header(label), **(settings | changes))


def layers(label: str, **changes: object) -> LayerTable:
    top = SHARPEST.get(label, 1.7)
    sizes = (("conv1", 144), ("bn1", 32), ("conv2", 2304), ("bn2", 32), ("fc1", 200_704))
    rows = tuple(
        LayerRow(
            name=name,
            num_params=size,
            largest=Eigenvalue(value=top * share, residual=1e-4, converged=True),
            smallest=Eigenvalue(value=-0.2 * top * share, residual=1e-4, converged=True),
            trace=Estimate(mean=9 * top * share, stderr=0.3 * share),
        )
        for (name, size), share in zip(sizes, (0.05, 0.31, 0.22, 0.4, 0.82), strict=True)
    )
    settings: dict[str, object] = {"operator": operator(), "rows": rows, "num_matvecs": 410}
    return LayerTable(**header(label), **(settings | changes))


def direction(number: int, **changes: object) -> DirectionSpec:
    settings: dict[str, object] = {
        "kind": "random",
        "normalisation": "filter",
        "seed": number,
        "sha256": f"{number:064x}",
        "norm": 21.3,
    }
    return DirectionSpec(**(settings | changes))


def line(label: str, **changes: object) -> LossLine:
    top = SHARPEST.get(label, 1.7)
    axis = np.linspace(-1, 1, 41)
    losses = 0.0123 + 0.02 * top * np.abs(axis) ** 1.2
    settings: dict[str, object] = {
        "direction": direction(1),
        "axis": axis,
        "losses": losses,
        "accuracies": np.clip(0.92 - 0.5 * np.abs(axis) ** 1.4, 0.1, 1),
        "slope": 0.001,
        "curvature": 0.05 * top,
        "operator_name": "hessian",
    }
    return LossLine(**header(label), **(settings | changes))


def plane(label: str, **changes: object) -> LossPlane:
    top = SHARPEST.get(label, 1.7)
    axis = np.linspace(-1, 1, 25)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    losses = 0.0123 + 0.03 * top * (x**2 + 0.6 * y**2) ** 0.7 * (1 + 0.2 * np.sin(3 * x + y))
    losses[0, :3] = np.nan
    losses[-1, -1] = np.inf
    settings: dict[str, object] = {
        "directions": (direction(1), direction(2)),
        "x_axis": axis,
        "y_axis": axis,
        "losses": losses,
        "accuracies": np.clip(0.92 - 0.4 * (x**2 + y**2), 0.1, 1),
    }
    return LossPlane(**header(label), **(settings | changes))


def preflight(label: str, **changes: object) -> Preflight:
    checks = (
        Check(name="deterministic", status="pass", value="two losses differ by 0"),
        Check(name="symmetric", status="pass", value="|u·Hv - v·Hu| = 3e-7 of the norm"),
        Check(
            name="gradient norm",
            status="fail",
            value="0.31, a tenth of the loss's scale",
            advice="Train longer: curvature away from a minimum is not flatness.",
        ),
        Check(name="batch norm", status="note", value="eval mode"),
    )
    moved = Invariance(
        move="factors on units",
        num_places=2,
        ratios=(
            ScaleRatio(scale="none", lambda_max=3.21, trace=2.4, trace_stderr=0.03),
            ScaleRatio(scale="filter", lambda_max=1.0, trace=1.31, trace_stderr=0.02),
            ScaleRatio(scale="weight", lambda_max=1.0, trace=1.0, trace_stderr=1e-15),
        ),
    )
    lacking = Invariance(move="keys' biases", num_places=0, ratios=())
    found = {"checks": checks, "invariances": (moved, lacking)}
    return Preflight(**header(label), **(found | changes))


def curves(label: str, **changes: object) -> TrainingCurves:
    epochs = np.arange(1.0, 17)
    settings: dict[str, object] = {
        "epochs": epochs,
        "train_loss": 0.012 + 0.06 * np.exp(-epochs / 3),
        "train_accuracy": 0.94 - 0.3 * np.exp(-epochs / 3),
        "test_loss": 0.018 + 0.05 * np.exp(-epochs / 3),
        "test_accuracy": 0.885 - 0.25 * np.exp(-epochs / 3),
    }
    return TrainingCurves(**header(label), **(settings | changes))


def probed(label: str, **changes: object) -> ProbeCurves:
    steps = np.arange(0.0, 2000, 100)
    sharpness = SHARPEST.get(label, 2.0) * (2 - np.exp(-steps / 400))
    nothing = np.full(len(steps), np.nan)
    settings: dict[str, object] = {
        "matrix": "formal Hessian of the surrogate (2 x atan(alpha=2))",
        "steps": steps,
        "loss": 0.012 + 0.06 * np.exp(-steps / 500),
        "learning_rate": np.full(len(steps), 0.5),
        "edge": np.full(len(steps), 4.0),
        "edge_of": "lambda_max",
        "lambda_max": sharpness,
        "lambda_max_residual": 0.02 * sharpness,
        "preconditioned_lambda_max": nothing,
        "preconditioned_lambda_max_residual": nothing,
        "trace": 20 * sharpness,
        "trace_stderr": sharpness,
        "critical_sharpness": 0.9 * sharpness,
        "turned": (300,),
        "warnings": ("step 500: sharpness is above the edge",),
    }
    return ProbeCurves(**header(label), **(settings | changes))
