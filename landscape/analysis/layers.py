"""The per-layer table: the diagonal blocks of the operator."""

from dataclasses import replace
from itertools import groupby

from landscape.analysis.progress import Progress
from landscape.analysis.provenance import start_clock
from landscape.analysis.spectrum import SpectrumSettings, memory_plan, run_spectrum
from landscape.analysis.spectrum_results import operator_spec
from landscape.analysis.target import Target
from landscape.results import Eigenvalue, Estimate, LayerRow, LayerTable

_TOL = 1e-3  # a table of layers is read to three digits


def layer_table(target: Target, *, settings: SpectrumSettings, progress: Progress) -> LayerTable:
    """λ_max, λ_min and trace of each layer's block, the other layers held fixed.

    A layer is a module with parameters of its own. By interlacing, no block's λ_max exceeds
    that of the whole.
    """
    clock = start_clock()
    layers = layers_of(target.risk.layout.names)
    rows, matvecs = [], 0
    plan = memory_plan(target, settings)
    for done, (name, members) in enumerate(layers.items()):
        progress(done, len(layers))
        run = run_spectrum(
            target.risk.select(members),
            settings=replace(
                settings,
                params="*",
                num_largest=1,
                num_smallest=1,
                tol=max(settings.tol, _TOL),
                num_shards=0,
            ),
            rng=target.generator(f"layer {name}"),
            plan=plan,
        )
        matvecs += run.num_matvecs
        pairs = [
            Eigenvalue(value=float(v), residual=float(r), converged=bool(c))
            for v, r, c in zip(
                run.eigenpairs.values,
                run.eigenpairs.residuals,
                run.eigenpairs.converged,
                strict=True,
            )
        ]
        rows.append(
            LayerRow(
                name=name,
                num_params=sum(
                    target.risk.layout.shapes[target.risk.layout.names.index(m)].numel()
                    for m in members
                ),
                largest=pairs[0],
                smallest=pairs[-1],
                trace=Estimate(mean=run.trace.mean, stderr=run.trace.stderr),
            )
        )
    progress(len(layers), len(layers))
    return LayerTable(
        subject=target.subject,
        provenance=clock.provenance(
            command=target.settings.command,
            seed=target.settings.seed,
            device=target.device,
            num_matvecs=matvecs,
        ),
        operator=operator_spec(target, settings),
        rows=tuple(rows),
        num_matvecs=matvecs,
    )


def layers_of(names: tuple[str, ...]) -> dict[str, list[str]]:
    """Parameter names by the module that holds them, in the network's order."""
    return {
        layer or "(top level)": list(members)
        for layer, members in groupby(names, lambda name: name.rpartition(".")[0])
    }
