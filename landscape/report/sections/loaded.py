"""What was loaded: loss, accuracy and gradient norm before any curvature, and the preflight."""

from collections.abc import Sequence

from landscape.page.columns import (
    CHECKPOINT_OF_PART,
    CHECKPOINT_OF_SUBJECT,
    PartOf,
    count_column,
    number_column,
    parts_of,
    text_column,
)
from landscape.page.detail import detail_note
from landscape.page.material import Material, grouped, labels_by_text
from landscape.page.section import Section
from landscape.page.table import Column, Table
from landscape.report.sections.invariance_tables import certified, invariance_tables
from landscape.results import Check, LeftOut, Preflight, Subject

_MOST_NAMED = 3


def _examples(subject: Subject) -> str:
    which = "" if subject.taken in ("", "all") else f"; {subject.taken}"
    source = f"{subject.data_source}{which}"
    return f"{subject.num_examples} of {subject.data} {subject.split} ({source})"


def _model(subject: Subject) -> str:
    parts = [subject.model]
    if subject.surrogate:
        named = "surrogate" in subject.surrogate
        parts.append(subject.surrogate if named else f"surrogate {subject.surrogate}")
    if subject.num_frozen:
        parts.append(f"{subject.num_frozen} frozen")
    return ", ".join(parts)


def _training(subject: Subject) -> str | None:
    info = subject.training
    if info is None:
        return None
    gain = "" if info.gain == 1 else f" × {info.gain:g}"
    momentum = f", momentum {info.momentum:g}" if info.momentum else ""
    return (
        f"{info.init}{gain}, {info.optimizer} lr {info.learning_rate:g}{momentum}, seed "
        f"{info.seed}, epoch {info.epoch}/{info.num_epochs}"
    )


_CHECKPOINTS: list[Column[Subject]] = [
    CHECKPOINT_OF_SUBJECT,
    number_column("loss", lambda s: s.loss, better="↓", formula="mean over the N examples"),
    number_column("accuracy", lambda s: s.accuracy, better="↑"),
    number_column(
        "‖∇L‖₂",
        lambda s: s.grad_norm,
        key="grad_norm",
        formula="‖∇L‖₂ of the mean loss; curvature describes a minimum only where this is small",
    ),
    number_column(
        "test accuracy",
        lambda s: s.training.test_accuracy if s.training else None,
        better="↑",
        formula="as training logged it",
    ),
    count_column("parameters", lambda s: s.num_params, key="num_params"),
    count_column("examples", lambda s: s.num_examples, key="num_examples"),
    text_column("split", lambda s: s.split),
]
_SETTINGS: list[Column[Subject]] = [
    CHECKPOINT_OF_SUBJECT,
    text_column("model", _model),
    text_column("examples", _examples, key="data"),
    text_column("training", _training),
]
_CHECKS: list[Column[PartOf[Preflight, Check]]] = [
    CHECKPOINT_OF_PART,
    text_column("check", lambda row: row.part.name),
    text_column("status", lambda row: row.part.status),
    text_column("measured", lambda row: row.part.value),
    text_column("advice", lambda row: None if row.part.status == "pass" else row.part.advice),
]


def loaded_section(material: Material) -> Section:
    """Tables of the checkpoints and of their preflight checks, and the loader's notes.

    All checkpoints are listed with their losses, and all that failed a check; the settings and
    the checks that passed are those of the checkpoints shown in detail.
    """
    everything = material.whole
    preflights = everything.of(Preflight)
    subjects = everything.subjects
    notes = [(s.label, note) for s in subjects for note in s.notes]
    notes += [(r.subject.label, r.note) for r in everything.of(LeftOut)]
    failed = sorted({p.subject.label for p in preflights if not p.passed})
    paragraphs = [
        "Look here first: a wrong checkpoint, data set or normalisation shows in the loss and the "
        "accuracy, long before it shows in a spectrum."
    ]
    if cut := detail_note(everything.labels, material.labels):
        paragraphs.insert(0, cut)
    if failed:
        paragraphs.append(
            f"Preflight checks failed for {', '.join(failed)}: read the advice in the table before "
            "the numbers that follow."
        )
    said = labels_by_text((p.subject.label, certified(p)) for p in preflights)
    paragraphs += [f"{_few(labels)}: {words}" for words, labels in said.items() if words]
    checks = [c for p in preflights for c in p.checks]
    wrong = sum(c.status == "fail" for c in checks)
    return Section(
        key="loaded",
        title="What was loaded, preflight",
        summary=f"{wrong or 'none'} of {len(checks)} checks failed" if checks else "",
        warning=f"preflight failed for {_few(failed)}" if failed else "",
        on_paper=False,
        paragraphs=tuple(paragraphs),
        tables=(
            _checkpoints(subjects),
            _settings(material.subjects),
            *_preflight(preflights, material.labels),
            *invariance_tables(material.of(Preflight)),
        ),
        notes=tuple(f"{labels}: {note}" for note, labels in grouped(notes)),
    )


def _few(labels: Sequence[str]) -> str:
    """Up to three of them by name."""
    return ", ".join(labels) if len(labels) <= _MOST_NAMED else f"{len(labels)} networks"


def _checkpoints(subjects: list[Subject]) -> Table[Subject]:
    loss_names = ", ".join(sorted({s.loss_name for s in subjects}))
    return Table(
        name="checkpoints",
        caption=f"Checkpoints as loaded and evaluated here; loss: {loss_names}.",
        columns=_CHECKPOINTS,
        rows=subjects,
    )


def _settings(subjects: list[Subject]) -> Table[Subject]:
    return Table(
        name="settings",
        caption="Which network, on which examples, trained how.",
        columns=_SETTINGS,
        rows=subjects,
        folded=len(subjects) > 6,
    )


def _preflight(
    preflights: list[Preflight], shown: Sequence[str]
) -> list[Table[PartOf[Preflight, Check]]]:
    checks = parts_of(preflights, lambda p: p.checks)
    failed = [row for row in checks if row.part.status == "fail"]
    rows = [row for row in checks if row.result.subject.label in shown]
    tables = []
    if failed:
        caption = "Preflight checks that failed."
        tables.append(Table(name="preflight-failed", caption=caption, columns=_CHECKS, rows=failed))
    if rows:
        caption = f"Preflight: {len(failed)} of {len(checks)} checks failed."
        tables.append(
            Table(name="preflight", caption=caption, columns=_CHECKS, rows=rows, folded=True)
        )
    return tables
