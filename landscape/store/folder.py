"""A report's folder: one run at a time in it, and where finished and unfinished work stands."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from landscape.distributed import from_main
from landscape.files import LOCK, ensure_writable, exclusive_lock, remove_partial
from landscape.results import RECORD, ResultError, in_order, load_result, result_path
from landscape.store.finished import Finished
from landscape.store.identity import TargetLike, refuse_other_code, with_fingerprint


@dataclass(frozen=True)
class ReportFolder:
    """Where everything of a report lies."""

    root: Path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs out for the block, and remove what a kill left while files were written.

        Raises
        ------
        OutputError
            The folder cannot be written to, or another run works in it.
        """
        with ExitStack() as stack:
            lock = exclusive_lock(self.root / LOCK)
            from_main(lambda: self._enter(stack, lock))
            yield

    def _enter(self, stack: ExitStack, lock: AbstractContextManager[None]) -> None:
        ensure_writable(self.root)
        stack.enter_context(lock)
        places = (p for name in ("results", "unfinished") for p in self.root.glob(f"{name}/*"))
        for place in (self.root, self.root / "figures", self.root / "tables", *places):
            remove_partial(place)

    def result(self, label: str, analysis: str) -> Path:
        """Where a finished result of a checkpoint stands; see :func:`result_path`."""
        return result_path(self.root, label, analysis)

    def finished(self, label: str) -> Finished:
        """The finished analyses of a checkpoint."""
        return Finished(self.result(label, "_").with_name(RECORD))

    def damaged_records(self) -> list[Path]:
        """Records that do not say what the results beside them are made with."""
        records = sorted((self.root / "results").glob(f"*/{RECORD}"))
        return [path for path in records if not Finished(path).is_sound]

    def unfinished(self, label: str, name: str) -> Path:
        """Where an unfinished analysis of a checkpoint keeps its state or points."""
        return self.root / "unfinished" / label / name

    def begun(self, label: str) -> list[str]:
        """The names of searches and journals that an earlier run left unfinished."""
        return sorted(p.stem for p in self.unfinished(label, "_").parent.glob("*.state"))

    def waiting(self, label: str, analysis: str) -> Finished:
        """The result of a checkpoint that waits until all checkpoints of a command are done."""
        return Finished(self.unfinished(label, f"{analysis}.{RECORD}"))

    def forget(self, label: str, name: str) -> None:
        """Remove what waits or is unfinished under ``name``, and folders that are then empty."""
        place = self.unfinished(label, name).parent
        # The record first: what is left by a kill is then no result.
        for path in (self.waiting(label, name).record, *place.glob(f"{name}.*")):
            path.unlink(missing_ok=True)
        for folder in (place, place.parent):
            with suppress(OSError):
                folder.rmdir()

    def start_anew(self) -> None:
        """Remove the results of earlier runs, finished or not."""
        from_main(partial(self.remove, "results", "unfinished"))

    def remove(self, *names: str) -> None:
        """Remove folders of these names; links stay."""
        for name in names:
            if (self.root / name).is_dir() and not (self.root / name).is_symlink():
                shutil.rmtree(self.root / name)

    def refuse_mixed(self, target: TargetLike) -> None:
        """Refuse results of this checkpoint beside those of another network, loss or data.

        Settings are compared by :meth:`Finished.claim`; a single command may have other ones, such
        as its basis.

        Raises
        ------
        ValueError
            Naming the first result that is one of other code, with both values.
        """
        from_main(partial(self._refuse_mixed, target))

    def _refuse_mixed(self, target: TargetLike) -> None:
        subject = target.subject
        now = with_fingerprint({}, subject.fingerprint)
        for path in in_order(self.result(subject.label, "_").parent.glob("*.json")):
            if path.name == RECORD:
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
                and getattr(operator, "batch_norm", "eval") == target.risk.batch_norm
            )
            if comparable:
                refuse_other_code(
                    with_fingerprint({}, stored.subject.fingerprint), now, f"{path} is a result"
                )
