"""How the numbers were made, what it takes to make them again, and what they cannot show."""

from landscape.page.columns import (
    CHECKPOINT,
    CHECKPOINT_OF_SUBJECT,
    count_column,
    digest_column,
    number_column,
    text_column,
)
from landscape.page.material import Material, operator_text
from landscape.page.section import Section
from landscape.page.table import Column, Table
from landscape.results import (
    Eigenvalues,
    LossLine,
    LossPlane,
    OperatorSpec,
    Result,
    SpectralDensity,
    Subject,
    Trace,
)
from landscape.results.sharpness import SharpnessTable


def _spec(result: Result) -> OperatorSpec | None:
    spec = getattr(result, "operator", None)
    return spec if isinstance(spec, OperatorSpec) else None


def _operator(result: Result) -> str | None:
    spec = _spec(result)
    return operator_text(spec, spiking=result.subject.spiking) if spec else None


def _dtype(result: Result) -> str | None:
    spec = _spec(result)
    return spec.dtype if spec else None


def _device(result: Result) -> str:
    made = result.provenance
    shared = f", {made.num_processes} processes" if made.num_processes > 1 else ""
    return f"{made.device}, {made.num_threads} threads{shared}"


_PROVENANCE: list[Column[Result]] = [
    CHECKPOINT,
    text_column("result", lambda r: type(r).__name__),
    text_column("operator", _operator),
    text_column("dtype", _dtype),
    count_column("seed", lambda r: r.provenance.seed),
    number_column("seconds", lambda r: r.provenance.seconds),
    count_column("matvecs", lambda r: r.provenance.num_matvecs),
    text_column("device", _device),
]
_FILES: list[Column[Subject]] = [
    CHECKPOINT_OF_SUBJECT,
    text_column("file", lambda s: s.checkpoint),
    digest_column("SHA-256 of the file", lambda s: s.checkpoint_sha256, key="checkpoint_sha256"),
    text_column("data", lambda s: f"{s.data} {s.split}"),
    digest_column("SHA-256 of the examples", lambda s: s.examples_sha256, key="examples_sha256"),
]


def method_section(material: Material) -> Section:
    """A sentence for each kind of result in the report."""
    sentences = []
    ends, traces = material.of(Eigenvalues), material.of(Trace)
    if ends:
        methods = ", ".join(sorted({r.method for r in ends}))
        sentences.append(
            f"Eigenvalues: {methods}. The residual ‖Av - λv‖ comes from fresh products and bounds "
            "the distance from λ to an eigenvalue; a pair counts as converged where it is below "
            "the tolerance times the norm."
        )
    if material.of(SpectralDensity):
        sentences.append(
            "Density: stochastic Lanczos quadrature (Ubaru, Chen & Saad 2017); converged "
            "eigenvalues enter exactly, probes measure the rest; the drawn curve is the quadrature "
            "convolved with a Gaussian of the stated standard deviation."
        )
    if traces:
        methods = ", ".join(sorted({r.method for r in traces}))
        sentences.append(f"Trace: {methods}; errors are the spread over probes, 0 where exact.")
    if material.of(SharpnessTable):
        sentences.append(
            "Sharpness: formulas and sources are in the list below the table; noise is drawn in "
            "antithetic pairs and losses are those of the network as it runs."
        )
    if [*material.of(LossLine), *material.of(LossPlane)]:
        sentences.append(
            "Surfaces: each point is the mean loss over all examples at displaced weights; "
            "checkpoints share their random directions before normalisation."
        )
    modes = sorted({spec.batch_norm for r in material.results if (spec := _spec(r))})
    if modes:
        sentences.append(f"Batch norm during curvature: {', '.join(modes)} mode; dropout off.")
    return Section(
        key="method", title="Method", summary="how each number was made", notes=tuple(sentences)
    )


def provenance_section(material: Material) -> Section:
    """Commands, seeds, machines, digests."""
    return Section(
        key="provenance",
        title="Provenance",
        summary="commands, files, seeds, versions",
        on_paper=False,
        tables=(
            _files(material),
            Table(
                name="provenance",
                caption="What made each number.",
                columns=_PROVENANCE,
                rows=material.results,
                folded=True,
            ),
        ),
        notes=(*_commands(material), *_versions(material)),
    )


def _files(material: Material) -> Table[Subject]:
    return Table(
        name="files",
        caption="Which files and examples.",
        columns=_FILES,
        rows=material.subjects,
        folded=len(material.subjects) > 4,
    )


def _commands(material: Material) -> list[str]:
    return [
        f"Command: {command}"
        for command in dict.fromkeys(r.provenance.command for r in material.results)
    ]


def _versions(material: Material) -> list[str]:
    seen = dict.fromkeys(
        ", ".join(f"{name} {version}" for name, version in sorted(r.provenance.versions.items()))
        for r in material.results
    )
    return [f"Versions: {text}" for text in seen if text]


def traps_section(material: Material) -> Section:
    """What a reader should not conclude; those of spiking networks where there are any."""
    traps = [
        "One checkpoint of each kind decides nothing: seeds of one recipe differ, often by more "
        "than recipes do. A verdict needs several seeds of each, paired.",
        "λ_max and trace change under rescalings of the weights that leave the function unchanged "
        "(Dinh et al. 2017, arXiv 1703.04933): agree on a scale-invariant measure as well.",
        "Curvature away from a minimum is not flatness: look at the gradient norm first.",
        "Curvature on a few examples is that of their sampling noise; on one exactly fitted "
        "example the Hessian has at most as many nonzero eigenvalues as the network has outputs.",
        "Training near the edge of stability pins λ_max to (2 + 2 momentum) / learning rate, and "
        "Adam that of the Hessian preconditioned by its state to 38 / learning rate at β1 = 0.9: "
        "the optimiser may have set it, not what is being compared.",
        "Compare at a matched training loss: a network trained further is often sharper or "
        "flatter for that reason alone.",
        "Flatness need not mean better test accuracy; on 10 000 test images a difference below "
        "0.8 points is within noise before seeds are considered.",
    ]
    if any(s.spiking for s in material.subjects):
        traps.append(
            "The loss of a spiking network rises like |t|, not t², near the checkpoint: there is "
            "no single curvature, only an effective one at a radius."
        )
        traps.append(
            "A negative eigenvalue of the formal Hessian need not be a descent direction of the "
            "real loss; check it on the measured loss."
        )
    return Section(
        key="traps",
        title="Known traps",
        summary="what these numbers cannot show",
        notes=tuple(traps),
        on_paper=False,
    )
