"""Where the results to be compared are, and where the comparison goes."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from landscape.cli.options import unique_labels
from landscape.files import COMPARISON, sha256_of_file
from landscape.report import write_report
from landscape.results import (
    RECORD,
    Comparison,
    Result,
    in_order,
    load_result,
    result_path,
    save_result,
)
from landscape.results.study import CurvatureCourse, OneImageSpectrum

_CHECKPOINT_FOLDER = ".metadata"  # in a checkpoint that is a folder, as torch.distributed saves
_NO_RESULTS = (RECORD, COMPARISON)


class Found(NamedTuple):
    """A stored result and its file."""

    path: Path
    result: Result


def find_results(sources: Sequence[Path], out: Path | None) -> list[Found]:
    """The results in folders of reports, and those of checkpoint files in ``out``.

    Raises
    ------
    ValueError
        If a source does not exist, or a checkpoint's results are missing or of an earlier file;
        the message holds the command that makes them.
    ResultError
        If a result cannot be read.
    """
    for path in sources:
        if not path.exists():
            raise ValueError(f"{path} does not exist. Name folders of reports or checkpoint files.")
    files: dict[Path, None] = {}
    checkpoints = []
    for path in sources:
        in_report = _result_files(path)
        files |= dict.fromkeys(in_report)
        if not in_report:
            if path.is_dir() and not (path / _CHECKPOINT_FOLDER).exists():
                raise ValueError(
                    f"{path} holds no results: expected files like results/LABEL/eigenvalues.json. "
                    f"Make some with 'landscape analyze CHECKPOINT... -o {path}'."
                )
            checkpoints.append(path)
    found = [Found(path, load_result(path)) for path in files]
    # Of a study: along a training, and of one image. Neither is of the network at its end.
    found = [f for f in found if not isinstance(f.result, CurvatureCourse | OneImageSpectrum)]
    return [*found, *_of_checkpoints(checkpoints, out)] if checkpoints else found


def write_comparison(
    out: Path,
    comparison: Comparison,
    results: Sequence[Result],
    stems: Sequence[str],
    *,
    title: str,
    figures: Sequence[str],
) -> Path:
    """Write ``comparison.json``, the results beside it, and the report of both."""
    used: set[Path] = set()
    for result, stem in zip(results, stems, strict=True):
        path, number = result_path(out, result.subject.label, stem), 2
        while path in used:
            path = result_path(out, result.subject.label, f"{stem}-{number}")
            number += 1
        used.add(path)
        save_result(result, path)
    save_result(comparison, out / COMPARISON)
    return write_report(out, results, title=title, comparison=comparison, figures=figures)


def _result_files(folder: Path) -> list[Path]:
    """Of a report, of its ``results``, or of one checkpoint there; empty: it is none of these."""
    if not folder.is_dir():
        return []
    for root, pattern in (
        (folder / "results", "*/*.json"),
        (folder, "*/*.json" if folder.name == "results" else ""),
        (folder, "*.json" if folder.parent.name == "results" else ""),
    ):
        if pattern and root.is_dir():
            return in_order(p for p in root.glob(pattern) if p.name not in _NO_RESULTS)
    return []


def _of_checkpoints(checkpoints: Sequence[Path], out: Path | None) -> list[Found]:
    command = shlex.join(
        ["landscape", "analyze", *map(str, checkpoints), "-o", str(out or "reports/NAME")]
    )
    if out is None:
        raise ValueError(
            f"{checkpoints[0]} is no folder of a report. Analyse checkpoints first:\n  {command}\n"
            "then compare that folder, or these files with the same -o."
        )
    found: list[Found] = []
    missing = []
    for path, label in zip(checkpoints, unique_labels(checkpoints), strict=True):
        own = [Found(p, load_result(p)) for p in _result_files(out / "results" / label)]
        if not own:
            missing.append(str(path))
        # Of several files one digest is made, which only reading them all would tell.
        elif path.is_file() and not path.name.endswith(".index.json"):
            digest = sha256_of_file(path)
            if any(f.result.subject.checkpoint_sha256 != digest for f in own):
                raise ValueError(
                    f"{out} holds results of an earlier {path}. Analyse it again:\n  {command} "
                    "--force"
                )
        found += own
    if missing:
        raise ValueError(
            f"{out} holds no results of {', '.join(missing)}. Make them first:\n  {command}\n"
            "then run this command again."
        )
    return found
