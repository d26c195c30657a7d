"""What was loaded: loss, accuracy and gradient norm before any curvature, and the preflight."""

from collections.abc import Sequence

from landscape.report.detail import detail_note
from landscape.report.material import Material, grouped
from landscape.report.model import Section
from landscape.report.table import CHECKPOINT, Column, Table, count_cell, number_cell, text_cell
from landscape.results import Check, LeftOut, Preflight, Subject

_COLUMNS = (
    CHECKPOINT,
    Column(key="loss", title="loss", better="↓", formula="mean over the N examples"),
    Column(key="accuracy", title="accuracy", better="↑"),
    Column(
        key="grad_norm",
        title="‖∇L‖₂",
        formula="‖∇L‖₂ of the mean loss; curvature describes a minimum only where this is small",
    ),
    Column(key="test_accuracy", title="test accuracy", better="↑", formula="as training logged it"),
    Column(key="num_params", title="parameters"),
    Column(key="num_examples", title="examples"),
    Column(key="split", title="split"),
)
_SETTING_COLUMNS = (
    CHECKPOINT,
    Column(key="model", title="model"),
    Column(key="data", title="examples"),
    Column(key="training", title="training"),
)


def loaded_section(material: Material, everything: Material) -> Section:
    """Tables of the checkpoints and of their preflight checks, and the loader's notes.

    All checkpoints are listed with their losses, and all that failed a check; the settings and
    the checks that passed are those of ``material``, the checkpoints shown in detail.
    """
    preflights = everything.of(Preflight)
    subjects = everything.subjects
    notes = [(s.label, note) for s in subjects for note in s.notes]
    notes += [(r.subject.label, r.note) for r in everything.of(LeftOut)]
    failed = sorted({p.subject.label for p in preflights if not p.passed})
    paragraphs = [
        "Look here first: a wrong checkpoint, data set or normalisation shows in the loss and the "
        "accuracy, long before it shows in a spectrum."
    ]
    if cut := detail_note(everything.results, material.results):
        paragraphs.insert(0, cut)
    if failed:
        paragraphs.append(
            f"Preflight checks failed for {', '.join(failed)}: read the advice in the table before "
            "the numbers that follow."
        )
    return Section(
        key="loaded",
        title="What was loaded",
        paragraphs=tuple(paragraphs),
        tables=(
            _checkpoints(subjects),
            _settings(material.subjects),
            *_preflight(preflights, material.labels),
        ),
        notes=tuple(f"{labels}: {note}" for note, labels in grouped(notes)),
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
            count_cell(s.num_examples),
            text_cell(s.split),
        )
        for s in subjects
    )
    return Table(
        name="checkpoints",
        caption=f"Checkpoints as loaded and evaluated here; loss: {loss_names}.",
        columns=_COLUMNS,
        rows=rows,
    )


def _settings(subjects: list[Subject]) -> Table:
    rows = tuple(
        (
            text_cell(s.label),
            text_cell(_model(s)),
            text_cell(f"{s.num_examples} of {s.data} {s.split} ({_source(s)})"),
            text_cell(_training(s)),
        )
        for s in subjects
    )
    return Table(
        name="settings",
        caption="Which network, on which examples, trained how.",
        columns=_SETTING_COLUMNS,
        rows=rows,
        folded=len(rows) > 6,
    )


def _source(subject: Subject) -> str:
    which = "" if subject.taken in ("", "all") else f"; {subject.taken}"
    return f"{subject.data_source}{which}"


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


def _preflight(preflights: list[Preflight], shown: Sequence[str]) -> list[Table]:
    checks = [(p.subject.label, check) for p in preflights for check in p.checks]
    failed = [row for row in checks if row[1].status == "fail"]
    rows = [row for row in checks if row[0] in shown]
    tables = []
    if failed:
        tables.append(_check_table("preflight-failed", "Preflight checks that failed.", failed))
    if rows:
        caption = f"Preflight: {len(failed)} of {len(checks)} checks failed."
        tables.append(_check_table("preflight", caption, rows, folded=True))
    return tables


def _check_table(
    name: str, caption: str, rows: Sequence[tuple[str, Check]], *, folded: bool = False
) -> Table:
    titles = ("checkpoint", "check", "status", "measured", "advice")
    return Table(
        name=name,
        caption=caption,
        columns=tuple(Column(key=title, title=title) for title in titles),
        rows=tuple(
            tuple(map(text_cell, (label, c.name, c.status, c.value, c.advice))) for label, c in rows
        ),
        folded=folded,
    )
