"""Finished analyses of one checkpoint: their results, and a record of what they are made with."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError

from landscape.distributed import from_main
from landscape.files import write_atomic
from landscape.results import RECORD, Result, in_order, load_result, save_result
from landscape.store.identity import (
    Identity,
    difference,
    environment_note,
    refuse_other_code,
    same_settings,
)

R = TypeVar("R")


class Finished:
    """What is finished of one checkpoint; ``record`` is the file that says so, beside the results.

    It holds an identity, and of each finished analysis the stems of the files that it wrote. Of
    several processes the first one reads and writes, and tells the others.
    """

    def __init__(self, record: Path) -> None:
        self.record = record

    def claim(self, identity: Identity) -> str:
        """Record what the results are made with, or go on with what is recorded.

        Returns a note where numbers differ that may, on another device or with other versions.

        Raises
        ------
        ValueError
            If they are made with other settings or by other code; the message shows the difference.
        """
        return from_main(partial(self._claim, identity))

    def _claim(self, identity: Identity) -> str:
        if not self.record.exists():
            self._write(identity, {})
            return ""
        before, _ = self._read()
        if changed := difference(before, identity):
            place = self.record.parent
            raise ValueError(
                f"{place.parent.parent} holds results of {place.name} made with other settings: "
                f"{changed}. Write to another folder with -o, or start anew with --force."
            )
        return environment_note(before, identity)

    def is_done(self, analysis: str) -> bool:
        """Whether an earlier run finished this analysis, and all files that it wrote are there."""
        return from_main(partial(self._is_done, analysis))

    def _is_done(self, analysis: str) -> bool:
        done = self._read()[1] if self.record.exists() else {}
        return analysis in done and all(self._file(stem).is_file() for stem in done[analysis])

    def results(self) -> dict[str, Result]:
        """All that is there, by the name of its file."""
        return from_main(
            lambda: {
                path.stem: load_result(path)
                for path in in_order(self.record.parent.glob("*.json"))
                if path.name != RECORD
            }
        )

    def add(self, analysis: str, found: Mapping[str, Result]) -> None:
        """Write the results of a finished analysis, by the names of their files, and record it."""
        from_main(partial(self._add, analysis, found))

    def _add(self, analysis: str, found: Mapping[str, Result]) -> None:
        for stem, result in found.items():
            save_result(result, self._file(stem))
        identity, done = self._read()
        self._write(identity, {**done, analysis: list(found)})

    def recall(self, analysis: str, identity: Identity, load: Callable[[Path], R]) -> R | None:
        """What :meth:`keep` left under the same settings; None: nothing, or not whole.

        Raises
        ------
        ValueError
            If network, loss or data have changed since.
        """
        return from_main(partial(self._recall, analysis, identity, load))

    def _recall(self, analysis: str, identity: Identity, load: Callable[[Path], R]) -> R | None:
        try:
            before, done = self._read()
            is_same = analysis in done and same_settings(before, identity)
            result = load(self._file(analysis)) if is_same else None
        except (OSError, ValueError, SafetensorError):
            return None  # torn by a failing disk: computing anew loses time, nothing else
        if result is not None:
            refuse_other_code(before, identity, f"{self._file(analysis)} is a finished result")
        return result

    def keep(self, analysis: str, identity: Identity, save: Callable[[Path], None]) -> None:
        """Let ``save`` write the one result to a file, in place of what was kept before."""
        from_main(partial(self._keep, analysis, identity, save))

    def _keep(self, analysis: str, identity: Identity, save: Callable[[Path], None]) -> None:
        self.record.unlink(missing_ok=True)  # it is of the result before, if any
        save(self._file(analysis))
        self._write(identity, {analysis: [analysis]})

    def _file(self, stem: str) -> Path:
        return self.record.with_name(f"{stem}.json")

    @property
    def is_sound(self) -> bool:
        """Whether the record says what the results beside it are made with."""
        return _read(self.record) is not None

    def _read(self) -> tuple[Identity, dict[str, list[str]]]:
        found = _read(self.record)
        if found is None:
            raise ValueError(
                f"{self.record} does not say what the results beside it were made with. Write to "
                "another folder with -o, or start anew with --force."
            )
        return found

    def _write(self, identity: Identity, done: Mapping[str, list[str]]) -> None:
        record = {"settings": identity, "done": done}
        write_atomic(self.record, json.dumps(record, indent=1) + "\n")


def _read(record: Path) -> tuple[Identity, dict[str, list[str]]] | None:
    """The identity and what is done; None: the record is damaged, or not there."""
    try:
        found: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        identity, done = found["settings"], found["done"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(identity, dict) or not isinstance(done, dict | list):
        return None
    # In version 0.1 the files were not noted.
    return identity, {name: [] for name in done} if isinstance(done, list) else done
