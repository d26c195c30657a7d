"""Results of invented training runs whose curvature is known."""

from dataclasses import replace

from landscape.compare.groups import analysed_checkpoints
from landscape.results import (
    Activity,
    ActivityRow,
    Eigenvalues,
    Firing,
    Invariance,
    OperatorSpec,
    Preflight,
    Provenance,
    ScaleRatio,
    SharpnessTable,
    Subject,
    Trace,
    TrainingInfo,
    make_measure,
)
from landscape.values import Eigenvalue, Estimate

NUM_PARAMS = 1000
PROVENANCE = Provenance(command="landscape analyze", seed=0, device="cpu", num_threads=1, seconds=1)


def subject(init, seed, *, epoch=20, loss=0.01, training=True, **changes):
    label = f"{init}-adam-s{seed}"
    fields = {
        "label": label,
        "checkpoint": f"checkpoints/{label}.safetensors",
        "checkpoint_sha256": f"{init}-{seed}-{epoch}".encode().hex().ljust(64, "0"),
        "model": "csnn?channels=4",
        "spiking": True,
        "num_params": NUM_PARAMS,
        "data": "fashion-mnist",
        "data_source": "embedded subset",
        "split": "train",
        "num_examples": 1000,
        "examples_sha256": "ab" * 32,
        "loss_name": "mse",
        "loss": loss,
        "accuracy": 0.92,
        "grad_norm": 0.01,
        "training": TrainingInfo(
            init=init,
            optimizer="adam",
            learning_rate=1e-3,
            seed=seed,
            epoch=epoch,
            num_epochs=20,
            test_accuracy=0.88 + 0.001 * (seed % 7),
        )
        if training
        else None,
    }
    return Subject(**(fields | changes))


def spectral(who, top, *, mean, shards=(), **spec):
    """λ_max = ``top`` with its values on data shards, and the trace that ``mean`` gives."""
    operator = OperatorSpec(**({"name": "hessian", "num_params": NUM_PARAMS} | spec))
    return [
        Eigenvalues(
            subject=who,
            provenance=PROVENANCE,
            operator=operator,
            largest=(Eigenvalue(value=top, residual=1e-4 * abs(top), converged=True),),
            smallest=(),
            tol=1e-3,
            num_matvecs=40,
            method="thick-restart Lanczos",
            shards=tuple((shard,) for shard in shards),
        ),
        Trace(
            subject=who,
            provenance=PROVENANCE,
            operator=operator,
            trace=Estimate(mean=NUM_PARAMS * mean, stderr=0.02 * NUM_PARAMS * abs(mean)),
            frobenius_norm=Estimate(mean=2 * abs(top), stderr=0.01),
            effective_rank=Estimate(mean=30.0, stderr=1.0),
            method="Hutchinson",
            num_probes=16,
            num_matvecs=16,
        ),
    ]


def sharpness(who, factor, *, batch_norm="eval"):
    rows = [
        make_measure(name, size * factor, 0.01 * size, scale="filter", radius=radius)
        for name, size, radius in (
            ("expected_rise", 0.002, 0.01),
            ("expected_rise", 0.02, 0.03),
            ("worst_rise", 0.05, 0.003),
        )
    ]
    for name in ("tolerated_noise", "radius_of_rise"):
        rows.append(make_measure(name, 0.1 / factor, 0.001, scale="filter"))
    return SharpnessTable(
        subject=who,
        provenance=PROVENANCE,
        rows=tuple(rows),
        batch_norm=batch_norm,
        accuracy_drop=0.05,
        num_pairs=10,
        num_evaluations=100,
        rise_share=0.1,
    )


def certified(who, move="GL(r) of attention", **traces):
    """A certificate of one move, with the trace's ratio at each scale."""
    ratios = tuple(
        ScaleRatio(scale=scale, lambda_max=None, trace=trace, trace_stderr=0.1 * (trace != 1))
        for scale, trace in traces.items()
    )
    found = Invariance(move=move, num_places=2, ratios=ratios)
    return Preflight(subject=who, provenance=PROVENANCE, checks=(), invariances=(found,))


def fired(who, rate):
    """A network of 10 neurons that fire so often."""
    row = ActivityRow(
        name="neurons",
        num_neurons=10,
        firing_rate=Estimate(rate, 0.001),
        by_step=(rate,),
        num_dead=0,
        num_saturated=0,
    )
    firing = Firing(layers=(row,), firing_rate=row.firing_rate)
    return Activity(subject=who, provenance=PROVENANCE, firing=firing, synapses=(), uncounted=())


def analysed(who, factor=1.0, *, raw=1.0, rise=None, shards=(), **spec):
    """All of one checkpoint: its curvature times ``factor``, the raw one times ``raw`` as well.

    ``rise`` is the factor of the measures read off losses; None: ``factor``.
    """
    return [
        *spectral(who, 1.4 * factor * raw, mean=0.01 * factor * raw, shards=shards, **spec),
        *spectral(who, 9.0 * factor, mean=0.2 * factor, **({"scale": "filter"} | spec)),
        sharpness(who, factor if rise is None else rise, batch_norm=spec.get("batch_norm", "eval")),
    ]


def group(init, factors, **changes):
    """One checkpoint for each seed, its curvature times the seed's factor."""
    return [r for s, f in enumerate(factors) for r in analysed(subject(init, s, **changes), f)]


def relabelled(results, label, digest, **training):
    """The same numbers as those of another file."""
    found = []
    for r in results:
        info = replace(r.subject.training, **training) if r.subject.training else None
        who = replace(
            r.subject,
            label=label,
            checkpoint=f"checkpoints/{label}.safetensors",
            checkpoint_sha256=digest,
            training=info,
        )
        found.append(replace(r, subject=who))
    return found


def checkpoints(*results):
    """Lists of results of the training split, by checkpoint."""
    return analysed_checkpoints([r for part in results for r in part], split="train")
