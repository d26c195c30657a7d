"""What was loaded: loss, accuracy and gradient norm before any curvature, and the preflight."""

from landscape.report.material import Material
from landscape.report.model import Section
from landscape.report.table import Column, Table, count_cell, number_cell, text_cell
from landscape.results import Preflight, Subject

_COLUMNS = (
    Column(key="checkpoint", title="checkpoint"),
    Column(key="loss", title="loss", better="↓", formula="mean over the N examples"),
    Column(key="accuracy", title="accuracy", better="↑"),
    Column(
        key="grad_norm",
        title="‖∇L‖₂",
        formula="‖∇L‖₂ of the mean loss; curvature describes a minimum only where this is small",
    ),
    Column(key="test_accuracy", title="test accuracy", better="↑", formula="as training logged it"),
    Column(key="num_params", title="parameters"),
    Column(key="model", title="model"),
    Column(key="data", title="examples"),
    Column(key="training", title="training"),
)


def loaded_section(material: Material) -> Section:
    """Tables of the checkpoints and of their preflight checks, and the loader's notes."""
    preflights = material.of(Preflight)
    subjects = material.subjects
    notes = [f"{s.label}: {note}" for s in subjects for note in s.notes]
    failed = sorted({p.subject.label for p in preflights if not p.passed})
    paragraphs = [
        "Look here first: a wrong checkpoint, data set or normalisation shows in the loss and the "
        "accuracy, long before it shows in a spectrum."
    ]
    if failed:
        paragraphs.append(
            f"Preflight checks failed for {', '.join(failed)}: read the advice in the table before "
            "the numbers that follow."
        )
    return Section(
        key="loaded",
        title="What was loaded",
        paragraphs=tuple(paragraphs),
        tables=(_checkpoints(subjects), *_preflight(preflights)),
        notes=tuple(dict.fromkeys(notes)),
    )


def _checkpoints(subjects: list[Subject]) -> Table:
    loss_names = ", ".join(sorted({s.loss_name for s in subjects}))
    rows = tuple(
        (
            text_cell(s.label),
            number_cell(s.loss),
            number_cell(s.accuracy),
            number_cell(s.grad_norm),
            number_cell(s.training.test_accuracy if s.training else None),
            count_cell(s.num_params),
            text_cell(_model(s)),
            text_cell(f"{s.num_examples} of {s.data} {s.split} ({s.data_source})"),
            text_cell(_training(s)),
        )
        for s in subjects
    )
    return Table(
        name="checkpoints",
        caption=f"Checkpoints as loaded and evaluated here; loss: {loss_names}.",
        columns=_COLUMNS,
        rows=rows,
    )


def _model(subject: Subject) -> str:
    parts = [subject.model]
    if subject.surrogate:
        parts.append(f"surrogate {subject.surrogate}")
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


def _preflight(preflights: list[Preflight]) -> tuple[Table, ...]:
    rows = tuple(
        (
            text_cell(p.subject.label),
            text_cell(check.name),
            text_cell(check.status),
            text_cell(check.value),
            text_cell(check.advice),
        )
        for p in preflights
        for check in sorted(p.checks, key=lambda c: ("fail", "note", "pass").index(c.status))
    )
    if not rows:
        return ()
    names = ("checkpoint", "check", "status", "measured", "advice")
    return (
        Table(
            name="preflight",
            caption="Preflight: can the numbers that follow mean anything? Failures first.",
            columns=tuple(Column(key=name, title=name) for name in names),
            rows=rows,
            folded=all(p.passed for p in preflights),
        ),
    )
