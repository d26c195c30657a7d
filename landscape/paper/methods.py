"""A paragraph of LaTeX on how a report's numbers were made, from what the results say of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from landscape.catalog import MEASURES
from landscape.catalog.scales import scale_called
from landscape.compare.groups import analysed_checkpoints
from landscape.hints import few
from landscape.page.latex.text import breakable
from landscape.page.material import operator_text, spec_key
from landscape.paper.bibliography import keys_of
from landscape.results import (
    Eigenvalues,
    Fidelity,
    LossLine,
    LossPlane,
    OperatorSpec,
    Result,
    SharpnessTable,
    SpectralDensity,
    Subject,
    Trace,
)

_MOST_NAMED = 12
# Of the operators, and of the words in which results name their methods.
_OPERATORS = {
    "hessian": ("pearlmutter1994",),
    "smooth-hessian": ("pearlmutter1994",),
    "ggn": ("schraudolph2002",),
}
_METHODS = {
    "lanczos": ("lanczos1950", "wu2000"),
    "krylov": ("ubaru2017",),
    "hutch++": ("meyer2021",),
    "hutchinson": ("hutchinson1990",),
    "xtrace": ("epperly2024",),
    "xnystrace": ("epperly2024",),
    "pyhessian": ("yao2020",),
}
_HEADER = r"""% Made of the results by landscape. Needs the references in the .bib file beside it.
"""


def methods_tex(results: Sequence[Result], split: str) -> str:
    """The paragraph, in ASCII; its references are :func:`bibliography` of it.

    Raises
    ------
    ValueError
        If there are no results of the split.
    """
    checkpoints = analysed_checkpoints(results, split=split)
    subjects = [c.subject for c in checkpoints]
    used = [r for c in checkpoints for r in c.results]
    sentences = [
        *_of_subjects(subjects),
        *_of_operators(used),
        *_of_spectra(used),
        *_of_losses(used),
        *_of_runs(used),
    ]
    return _HEADER + "\n".join(sentences) + "\n"


def _of_subjects(subjects: Sequence[Subject]) -> Iterator[str]:
    models = _each(f"{s.model} ({s.num_params:,} parameters)" for s in subjects)
    number = "1 checkpoint" if len(subjects) == 1 else f"{len(subjects)} checkpoints"
    yield breakable(f"We analysed {number} of {models} with landscape") + _cite("landscape") + "."
    neurons = _each(s.surrogate for s in subjects if s.surrogate)
    if neurons:
        yield breakable(f"The networks spike; their neurons: {neurons}.")
    trained = [t for s in subjects if (t := s.training) is not None]
    if trained:
        seeds = _numbers(t.seed for t in trained)
        how = _each(f"{t.optimizer} at learning rate {t.learning_rate:g}" for t in trained)
        epochs = _numbers(t.epoch for t in trained)
        yield breakable(
            f"Initialisations: {_each(t.init for t in trained)}; training: {how}, {epochs} epochs, "
            f"seeds {seeds}."
        )
    examples = _each(
        f"{s.num_examples:,} {s.split} examples of {s.data}"
        f"{f', {s.taken}' if s.taken else ''} (SHA-256 {s.examples_sha256[:12]})"
        for s in subjects
    )
    losses = _each(s.loss_name for s in subjects)
    yield breakable(f"The loss is {losses}, a mean over {examples}.")


def _of_operators(results: Sequence[Result]) -> Iterator[str]:
    specs: dict[object, tuple[OperatorSpec, bool]] = {}
    for r in results:
        spec = getattr(r, "operator", None)
        if isinstance(spec, OperatorSpec):
            specs.setdefault(spec_key(spec), (spec, r.subject.spiking))
    if not specs:
        return
    texts = _each(
        operator_text(replace(spec, scale="none"), spiking=spiking)
        for spec, spiking in specs.values()
    )
    keys = [key for spec, _ in specs.values() for key in _OPERATORS.get(spec.name, ())]
    dtypes = _each(spec.dtype for spec, _ in specs.values())
    modes = _each(spec.batch_norm for spec, _ in specs.values())
    yield (
        breakable(f"Operator: {texts}; products by automatic differentiation")
        + _cite(*keys)
        + breakable(f", in {dtypes}, batch norm in {modes} mode, dropout off.")
    )
    scaled = {spec.scale for spec, _ in specs.values()} - {"none"}
    for kind in (scale_called(name) for name in sorted(scaled)):
        yield (
            breakable(f"Scaled by {kind.name}: the spectrum of {kind.form} with S the {kind.words}")
            + _cite(*kind.sources)
            + "."
        )


def _of_spectra(results: Sequence[Result]) -> Iterator[str]:
    ends = [r for r in results if isinstance(r, Eigenvalues)]
    if ends:
        numbers = _each(f"{len(r.largest)} largest, {len(r.smallest)} smallest" for r in ends)
        methods = _each(r.method for r in ends)
        yield (
            breakable(f"Eigenvalues ({numbers}): {methods}")
            + _cite(*_keys(methods))
            + breakable(
                f", to a residual ‖Av - λv‖ of {_each(f'{r.tol:g}' for r in ends)} times the "
                "norm, taken from fresh products."
            )
        )
    densities = [r for r in results if isinstance(r, SpectralDensity)]
    if densities:
        runs = _each(f"{r.num_probes} probes of {r.num_steps} steps" for r in densities)
        yield (
            "Eigenvalue densities: stochastic Lanczos quadrature"
            + _cite("ubaru2017", "ghorbani2019")
            + breakable(f", {runs}, smoothed by a Gaussian.")
        )
    traces = [r for r in results if isinstance(r, Trace)]
    if traces:
        methods = _each(r.method for r in traces)
        probes = _each(str(r.num_probes) for r in traces)
        yield (
            breakable(f"Traces: {methods}")
            + _cite(*_keys(methods))
            + breakable(f", {probes} probes; errors are standard errors over probes.")
        )
    shards = [*(r.shards for r in ends), *(r.shards for r in traces)]
    parts = _each(str(len(parts)) for parts in shards if len(parts) > 1)
    if parts:
        yield breakable(f"Errors over examples: from {parts} disjoint parts of them.")


def _of_losses(results: Sequence[Result]) -> Iterator[str]:
    tables = [r for r in results if isinstance(r, SharpnessTable)]
    if tables:
        radii: dict[str, dict[float, None]] = {}
        for row in (row for r in tables for row in r.rows):
            radii.setdefault(row.name, {}).update({} if row.radius is None else {row.radius: None})
        told = ", ".join(
            breakable(MEASURES[name].title)
            + _cite(*keys_of(MEASURES[name].source))
            + (" " + breakable(f"at ρ = {_each(f'{r:g}' for r in found)}") if found else "")
            for name, found in radii.items()
        )
        pairs = _each(str(r.num_pairs) for r in tables)
        yield f"Sharpness: {told}; noise in {breakable(pairs)} antithetic pairs."
    if any(isinstance(r, Fidelity) for r in results):
        yield "Whether curvature predicts the measured loss was tested along single directions."
    lines = [r for r in results if isinstance(r, LossLine)]
    planes = [r for r in results if isinstance(r, LossPlane)]
    sizes = _each(
        [
            *(f"lines of {len(r.axis)} points" for r in lines),
            *(f"planes of {len(r.x_axis)} x {len(r.y_axis)} points" for r in planes),
        ]
    )
    if sizes:
        directions = [*(r.direction for r in lines), *(d for r in planes for d in r.directions)]
        normalised = _each(d.normalisation for d in directions)
        yield (
            breakable(f"Loss surfaces: {sizes}; normalisation of directions: {normalised}")
            + _cite(
                *(["li2018"] if "filter" in normalised else []),
                *(["dasilva2025"] if "symmetry" in normalised else []),
            )
            + "."
        )


def _of_runs(results: Sequence[Result]) -> Iterator[str]:
    made = [r.provenance for r in results]
    seeds = _numbers(p.seed for p in made)
    versions = _each(
        f"{n} {v}" for p in made for n, v in sorted(p.versions.items()) if v != "absent"
    )
    devices = _each(p.device for p in made)
    yield breakable(f"Seed of probes and noise: {seeds}. Device: {devices}. Versions: {versions}.")


def _keys(methods: str) -> list[str]:
    """What to cite for methods that results name so."""
    return [key for word, keys in _METHODS.items() if word in methods.lower() for key in keys]


def _cite(*keys: str) -> str:
    return rf"~\cite{{{','.join(dict.fromkeys(keys))}}}" if keys else ""


def _numbers(numbers: Iterable[int]) -> str:
    """Every number once, ascending; "0 to 9" where none between is missing."""
    found = sorted(set(numbers))
    if len(found) > 2 and found[-1] - found[0] == len(found) - 1:
        return f"{found[0]} to {found[-1]}"
    return ", ".join(map(str, found))


def _each(texts: Iterable[str]) -> str:
    """Every text once, in order of appearance."""
    return few(list(dict.fromkeys(texts)), _MOST_NAMED)
