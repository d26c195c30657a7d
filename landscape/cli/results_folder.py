"""A report's folder as a run that can be resumed: whose results these are, and which are done."""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landscape.distributed import from_main
from landscape.files import LOCK, ensure_writable, exclusive_lock, remove_partial, write_atomic
from landscape.results import ResultError, in_order, load_result
from landscape.results.identity import (
    difference,
    environment_note,
    refuse_other_code,
    with_fingerprint,
)

if TYPE_CHECKING:
    from landscape.analysis.suite_settings import SuiteSettings
    from landscape.analysis.target import Target

_RECORD = "settings.json"
# Settings that move no number, or that the subject tells more exactly.
_IGNORED = {
    *("command", "data_dir", "examples", "keep", "loss", "memory", "objective", "share", "work"),
}


@contextmanager
def held(folder: Path | None) -> Iterator[None]:
    """Keep other runs out of ``folder``; None: there is nothing to keep them out of.

    Raises
    ------
    OutputError
        The folder cannot be written to, or another run works in it.
    """
    with ExitStack() as stack:
        if folder is not None:
            lock = exclusive_lock(folder / LOCK)
            from_main(lambda: _enter(stack, folder, lock))
        yield


def state_path(folder: Path | None, label: str, name: str) -> Path | None:
    """Where an unfinished analysis of a checkpoint keeps its state; None: nowhere."""
    return folder and folder / "unfinished" / label / f"{name}.state"


def settings_of(target: "Target", wanted: Mapping[str, object]) -> dict[str, Any]:
    """All that decides the results of ``target``, as JSON holds it.

    ``wanted`` are the settings of the analyses.
    """
    subject = target.subject
    chosen = {**asdict(target.settings), **wanted}
    settings = {
        "checkpoint": subject.checkpoint_sha256,
        "examples_sha256": subject.examples_sha256,
        "loss": subject.loss_name,
        **{name: value for name, value in chosen.items() if name not in _IGNORED},
    }
    settings = with_fingerprint(settings, subject.fingerprint)
    plain: dict[str, Any] = json.loads(json.dumps(settings, default=str))
    return plain


def _enter(stack: ExitStack, folder: Path, lock: AbstractContextManager[None]) -> None:
    ensure_writable(folder)
    stack.enter_context(lock)
    places = (p for name in ("results", "unfinished") for p in folder.glob(f"{name}/*"))
    for place in (folder, folder / "figures", folder / "tables", *places):
        remove_partial(place)


def claim(folder: Path, target: "Target", suite: "SuiteSettings") -> None:
    """Record what the results of this checkpoint are made with.

    Raises
    ------
    ValueError
        If the folder holds results made with other settings; the message shows the difference.
    """
    settings = settings_of(target, asdict(suite))
    label = target.subject.label
    refuse_mixed(folder, target)
    path = _record_path(folder, label)
    if path.exists():
        stored = _record(folder, label)["settings"]
        known = {k: v for k, v in stored.items() if k in settings or k not in _IGNORED}
        before = {"params": "*"} | known  # an older folder does not say so
        if changed := difference(before, settings):
            raise ValueError(
                f"{folder} holds results of {label} made with other settings: "
                f"{changed}. "
                "Write to another folder with -o, or start anew with --force."
            )
        if note := environment_note(before, settings):
            click.echo(f"  note: {label}: {note}", err=True)
        return
    write_atomic(path, json.dumps({"settings": settings, "done": {}}, indent=1) + "\n")


def refuse_mixed(folder: Path, target: "Target") -> None:
    """Refuse results of this checkpoint beside those of another network, loss or data.

    Settings are compared by :func:`claim`; a single command may have other ones, such as its basis.

    Raises
    ------
    ValueError
        Naming the first result that is one of other code, with both values.
    """
    subject = target.subject
    now = with_fingerprint({}, subject.fingerprint)
    for path in in_order((folder / "results" / subject.label).glob("*.json")):
        if path.name == _RECORD:
            continue
        try:
            stored = load_result(path)
        except ResultError:  # whoever reads the folder is told so
            continue
        operator = getattr(stored, "operator", None)
        comparable = (
            stored.subject.checkpoint_sha256 == subject.checkpoint_sha256
            and stored.subject.examples_sha256 == subject.examples_sha256
            and stored.subject.loss_name == subject.loss_name
            and stored.provenance.seed == target.settings.seed
            and getattr(operator, "batch_norm", "eval") == target.settings.batch_norm
        )
        if comparable:
            refuse_other_code(
                with_fingerprint({}, stored.subject.fingerprint), now, f"{path} is a result"
            )


def is_done(folder: Path, label: str, analysis: str) -> bool:
    """Whether an earlier run finished this analysis, and all files that it wrote are there."""
    done = _record(folder, label)["done"]
    if isinstance(done, list):  # a folder of version 0.1, which did not note the files
        return analysis in done
    place = _record_path(folder, label).parent
    return analysis in done and all((place / f"{stem}.json").is_file() for stem in done[analysis])


def mark_done(folder: Path, label: str, analysis: str, stems: Iterable[str]) -> None:
    """Record that the results of this analysis, files of these stems, are all written."""
    record = _record(folder, label)
    if isinstance(record["done"], list):
        record["done"] = {name: [] for name in record["done"]}
    record["done"][analysis] = list(stems)
    write_atomic(_record_path(folder, label), json.dumps(record, indent=1) + "\n")


def damaged_records(folder: Path) -> list[Path]:
    """Records that do not say what the results beside them were made with."""
    return [p for p in sorted((folder / "results").glob(f"*/{_RECORD}")) if _read(p) is None]


def start_anew(folder: Path) -> None:
    """Remove the results of earlier runs, finished or not."""
    for name in ("results", "unfinished"):
        if (folder / name).is_dir() and not (folder / name).is_symlink():
            shutil.rmtree(folder / name)


def _record(folder: Path, label: str) -> dict[str, Any]:
    path = _record_path(folder, label)
    found = _read(path)
    if found is None:
        raise ValueError(
            f"{path} does not say what the results beside it were made with. Write to another "
            "folder with -o, or start anew with --force."
        )
    return found


def _read(path: Path) -> dict[str, Any] | None:
    """What a record holds; None: it is damaged, or not there."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        sound = isinstance(found["settings"], dict) and isinstance(found["done"], dict | list)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if sound else None


def _record_path(folder: Path, label: str) -> Path:
    return folder / "results" / label / _RECORD
