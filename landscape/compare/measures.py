"""Which measures all checkpoints share, measured alike; and what keeps the others apart."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from landscape.catalog import MEASURES, MeasureKind
from landscape.compare.certificate import Certificate, certificate_of, certificates_of
from landscape.compare.groups import Analysed, Groups
from landscape.compare.values import Key, Value, values_of
from landscape.hints import few
from landscape.results import NOT_CONVERGED, ComparedMeasure, RunValue
from landscape.results.preferred import FIRST_OPERATOR, rank_of
from landscape.results.readings import Conditions


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A measure with its value on every checkpoint that has it."""

    values: dict[str, Value]  # by label
    settings: dict[str, str]
    mismatch: str  # which settings differ, in words; empty: none
    certificate: Certificate

    @property
    def any(self) -> Value:
        return next(iter(self.values.values()))

    @property
    def key(self) -> Key:
        return self.any.key

    @property
    def name(self) -> str:
        return self.any.name

    @property
    def title(self) -> str:
        return self.any.title

    @property
    def error_over(self) -> str:
        """What the error of a value is taken over."""
        with_parts = all(value.shard_stderr is not None for value in self.values.values())
        return "parts of the examples" if with_parts else self.any.row.error_over

    @property
    def is_invariant(self) -> bool:
        """Whether all networks were seen to keep it; of networks never looked at, by its kind."""
        held = self.certificate.holds
        return bool(self.any.row.invariant_under) if held is None else held

    @property
    def compared(self) -> ComparedMeasure:
        """What is judged and stored of it."""
        row = self.any.row
        return ComparedMeasure(
            name=self.name,
            title=self.title,
            formula=row.formula,
            source=row.source,
            unit=row.unit,
            larger_is="sharper" if row.better == "lower" else "flatter",
            scale_invariant=self.is_invariant,
            hard_forward=row.hard_forward,
            settings=self.settings,
            mismatch=self.mismatch,
            certified=self.certificate.holds,
            certificate=self.certificate.words,
            certified_by=self.certificate.moves,
            values=tuple(
                RunValue(
                    label=label,
                    value=value.row.value,
                    stderr=value.probe_stderr,
                    shards=value.recentred_shards,
                )
                for label, value in self.values.items()
            ),
        )


def shared_measures(groups: Groups, *, baseline: str, allow_mismatch: bool) -> list[Shared]:
    """Every measure taken of some checkpoint of each group, with like settings.

    Raises
    ------
    ValueError
        If settings differ and ``allow_mismatch`` is not set, or there is no such measure.
    """
    order = [baseline, *(name for name in groups if name != baseline)]
    members = {name: {c.label for c in groups[name]} for name in order}
    found = measures_of(
        [c for name in order for c in groups[name]], fits=lambda kind: kind.is_compared
    )
    everywhere = [m for m in found if all(labels & m.values.keys() for labels in members.values())]
    if not everywhere:
        of_each = {
            name: sorted({m.any.row.name for m in found if labels & m.values.keys()})
            for name, labels in members.items()
        }
        held = "; ".join(f"{name}: {', '.join(names)}" for name, names in of_each.items())
        raise ValueError(
            f"groups must share a measure; got {held or 'no measures'}. Analyse all checkpoints "
            "with the same options of landscape analyze."
        )
    unlike = [m for m in everywhere if m.mismatch]
    if unlike and not allow_mismatch:
        differences = "; ".join(dict.fromkeys(m.mismatch for m in unlike))
        raise ValueError(
            f"checkpoints must be measured alike to be compared; they differ in {differences} "
            f"(for {', '.join(m.name for m in unlike[:4])}{', …' if len(unlike) > 4 else ''}). "
            "Analyse them again with the same options, or compare with --allow-mismatch, which "
            "marks these measures."
        )
    return [*(m for m in everywhere if not m.mismatch), *unlike]


def measures_of(
    checkpoints: Sequence[Analysed], *, fits: Callable[[MeasureKind], bool]
) -> list[Shared]:
    """The measures that fit, each of all checkpoints that have it, alike wherever that can be."""
    certificates = certificates_of(checkpoints)
    by_key: dict[Key, dict[str, dict[Conditions, Value]]] = {}
    for checkpoint in checkpoints:
        for value in values_of(checkpoint, fits):
            labelled = by_key.setdefault(value.key, {}).setdefault(checkpoint.label, {})
            labelled.setdefault(value.settings, value)
    measures: list[Shared] = []
    for key, found in by_key.items():
        certificate = certificate_of(MEASURES[key.name], key.scale, certificates)
        common = set.intersection(*(set(by_settings) for by_settings in found.values()))
        if common:
            measures += [
                _choose(found, settings, certificate) for settings in _one_an_operator(common)
            ]
        else:
            measures.append(_nearest(found, certificate))
    return measures


def default_measures(measures: Sequence[Shared], primary: str | None) -> list[Shared]:
    """Those that groups are compared by unasked: one of each kind that the catalog says so of.

    Of several the one at the first of the catalog's scales that is certified as invariant, else
    at the first of them; by the Hessian, at the radius nearest to the catalog's. What fits
    ``primary`` comes before them if none of them does.
    """
    best: list[Shared] = []
    for kind in MEASURES.values():
        found = [m for m in measures if m.key.name == kind.name and m.key.scale in kind.compared_at]
        certified = [m for m in found if m.certificate.holds]
        best += sorted(certified or found, key=lambda m: rank_of(m.any.row, kind.compared_at))[:1]
    if primary is None or any(fits(m.name, primary) for m in best):
        return best
    return [*(m for m in measures if fits(m.name, primary)), *best]


def selected(measures: Sequence[Shared], asked: Sequence[str]) -> list[Shared]:
    """Those that fit one of the patterns ``asked``.

    A pattern is a name (``lambda_max[filter]``), with operator and radius left open, or a glob.

    Raises
    ------
    ValueError
        If a pattern fits none.
    """
    for pattern in asked:
        if not any(fits(m.name, pattern) for m in measures):
            raise ValueError(
                f"measures must be among {', '.join(m.name for m in measures)}; nothing fits "
                f"{pattern!r}."
            )
    return [m for m in measures if any(fits(m.name, p) for p in asked)]


def choose_primary(measures: Sequence[Shared], asked: str | None) -> str:
    """The name of the measure asked for; else λ_max, at the scale of :func:`default_measures`.

    Raises
    ------
    ValueError
        If what was asked for fits no measure, or several.
    """
    names = [m.name for m in measures]
    if asked is not None:
        fitting = [asked] if asked in names else [name for name in names if fits(name, asked)]
        if len(fitting) != 1:
            raise ValueError(
                f"primary must be one of the measures compared ({', '.join(names)}); {asked!r} "
                f"fits {', '.join(fitting) or 'none'}."
            )
        return fitting[0]
    # The size of the curvature, not its effect at one radius: that has no radius to choose.
    deciding = [m for m in default_measures(measures, None) if not m.any.row.hard_forward]
    return (deciding or measures)[0].name


def primary_reason(candidates: Sequence[Shared], primary: Shared, *, declared: bool) -> str:
    """Why ``primary`` bears the verdict, of all ``candidates``; whether it is certified."""
    held, words, _ = primary.certificate
    if declared:
        return f"declared before looking; {words}"
    order = MEASURES[primary.key.name].compared_at
    alike = [
        m
        for m in candidates
        if (m.key.name, m.any.row.operator) == (primary.key.name, primary.any.row.operator)
        and m.key.scale in order
    ]
    if held is None:
        by_kind = ", ".join(primary.any.row.invariant_under) or "no rescaling"
        return (
            f"the first of the scales {', '.join(order)} that was measured; {words}, so that by "
            f"its kind alone it is invariant under {by_kind}"
        )
    if not held:
        return (
            f"no scale at which it was measured is invariant on these networks, so that no "
            f"difference by it means much; {primary.key.scale}: {words}. Measure it with --scale "
            "symmetry"
        )
    before = [m for m in alike if order.index(m.key.scale) < order.index(primary.key.scale)]
    told = "".join(f"; {m.key.scale}: {m.certificate.words}" for m in before)
    return f"the first of the scales {', '.join(order)} that is {words}{told}"


def fits(name: str, pattern: str) -> bool:
    """Whether a measure's name, or its part before operator and radius, fits a glob.

    Brackets are literal: they stand in names.
    """
    literal = pattern.replace("[", "[[]")
    return fnmatchcase(name, literal) or fnmatchcase(name, f"{literal} *")


def _one_an_operator(common: set[Conditions]) -> list[Conditions]:
    """For each operator and choice of parameters, the settings closest to the plain ones."""
    best: dict[tuple[str | None, str | None], Conditions] = {}
    for settings in sorted(common, key=_plainness):
        named = dict(settings)
        best.setdefault((named.get("operator"), named.get("parameters")), settings)
    return list(best.values())


def _plainness(settings: Conditions) -> tuple[object, ...]:
    named = dict(settings)
    return (
        named.get("operator") != FIRST_OPERATOR,
        named.get("batch norm") != "eval",
        named.get("weight decay", "0") != "0",
        -int(named["examples"].split()[0]),
        settings,
    )


def _choose(
    found: Mapping[str, Mapping[Conditions, Value]], settings: Conditions, certificate: Certificate
) -> Shared:
    values = {label: by_settings[settings] for label, by_settings in found.items()}
    return Shared(values=values, settings=dict(settings), mismatch="", certificate=certificate)


def _nearest(found: Mapping[str, Mapping[Conditions, Value]], certificate: Certificate) -> Shared:
    """For each checkpoint the value whose settings differ least from the first one's."""
    first = next(iter(found.values()))
    reference = dict(sorted(first, key=_plainness)[0])

    def distance(settings: Conditions) -> tuple[object, ...]:
        return (len(set(settings) ^ set(reference.items())), _plainness(settings))

    values = {label: by[sorted(by, key=distance)[0]] for label, by in found.items()}
    fields = dict.fromkeys(f for v in values.values() for f in dict(v.settings))
    parts = []
    for field in fields:
        texts: dict[str, list[str]] = {}
        for label, value in values.items():
            texts.setdefault(dict(value.settings).get(field, "not stored"), []).append(label)
        if len(texts) > 1:
            listed = " against ".join(f"{text} ({few(who)})" for text, who in texts.items())
            parts.append(f"{field}: {listed}")
    return Shared(
        values=values, settings=reference, mismatch=", ".join(parts), certificate=certificate
    )


def missing_notes(groups: Groups, measures: Sequence[Shared]) -> list[str]:
    """Sentences on the checkpoints that lack a measure, or whose value has not converged."""
    checkpoints: list[Analysed] = [c for members in groups.values() for c in members]
    notes = []
    for m in measures:
        lacking = [c.label for c in checkpoints if c.label not in m.values]
        if lacking:
            notes.append(f"{m.title} was not measured for {few(lacking)}: compared without.")
        open_ones = [label for label, v in m.values.items() if v.row.note == NOT_CONVERGED]
        if open_ones:
            notes.append(f"{m.title} has not converged for {few(open_ones)}: a lower bound.")
    return notes
