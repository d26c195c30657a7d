"""What commands share that measure one checkpoint after the other and print a table of each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from landscape.analysis.target_settings import TargetSettings
from landscape.cli.from_settings import with_options
from landscape.cli.options import (
    checkpoints_argument,
    json_option,
    open_targets,
    out_option,
    quiet_option,
    target_options,
)
from landscape.cli.output import print_json, write_results
from landscape.cli.overall import Overall

if TYPE_CHECKING:
    from landscape.analysis.progress import Progress
    from landscape.analysis.target import Target
    from landscape.results import Result

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
R = TypeVar("R", bound="Result")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What every such command is asked: which checkpoints, on what, and where results go."""

    checkpoints: tuple[Path, ...]
    settings: TargetSettings
    out: Path | None
    as_json: bool
    quiet: bool


class Analysis(Protocol[T_co]):
    """An analysis of one checkpoint, which keeps its state at ``state`` while it runs."""

    def __call__(self, target: "Target", *, state: Path | None, progress: "Progress") -> T_co: ...


def measured_options(command: F) -> F:
    """Add the checkpoints and, after the command's own options, -o, --json, -q and the target's.

    The command receives them as one ``asked: Asked``.
    """

    @wraps(command)
    def wrapper(
        *,
        checkpoints: tuple[Path, ...],
        settings: TargetSettings,
        out: Path | None,
        as_json: bool,
        quiet: bool,
        **own: Any,
    ) -> Any:
        asked = Asked(
            checkpoints=checkpoints, settings=settings, out=out, as_json=as_json, quiet=quiet
        )
        return command(asked=asked, **own)

    options: list[Callable[[F], F]] = [
        checkpoints_argument,
        out_option("Folder of a report: keeps results, and state to resume from."),
        json_option("a checkpoint"),
        quiet_option,
        target_options,
    ]
    decorated: Any = wrapper
    result: F = with_options(options, decorated)
    return result


@contextmanager
def each_measured(
    analysis: str,
    measure: Analysis[T],
    wanted: Mapping[str, object],
    asked: Asked,
    *,
    save: Callable[[T, Path], None],
    load: Callable[[Path], T],
) -> Iterator[list[T]]:
    """What ``measure`` finds of each checkpoint, for a block that writes it under ``asked.out``.

    A run that was killed goes on when it is given the same folder again: within a checkpoint
    by its state, and what was found of finished ones is kept until the block has ended.

    Parameters
    ----------
    wanted
        The settings of ``measure``: what was found under others is not used.
    save, load
        Write what was found of a checkpoint to a file, and read it.
    """
    from landscape.distributed import is_main
    from landscape.store.folder import ReportFolder
    from landscape.store.identity import identity_of

    out, further = asked.out, len(asked.checkpoints)
    overall = Overall(quiet=asked.quiet)

    def measured(target: "Target", state: Path | None, further: int) -> T:
        name = f"{target.subject.label}: {analysis}"
        with overall.part(name, 1, after=further) as progress:
            return measure(target, state=state, progress=progress)

    targets = partial(
        open_targets, asked.checkpoints, asked.settings, scales=_scales(wanted), quiet=asked.quiet
    )
    if out is None:
        yield [measured(t, None, further - k) for k, t in enumerate(targets(), 1)]
        return
    folder = ReportFolder(out)
    found: dict[str, T] = {}
    with folder.held():
        for target in targets():
            further -= 1
            label = target.subject.label
            folder.refuse_mixed(target)
            waiting, identity = folder.waiting(label, analysis), identity_of(target, wanted)
            result = waiting.recall(analysis, identity, load)
            if result is None:
                result = measured(target, folder.unfinished(label, f"{analysis}.state"), further)
                waiting.keep(analysis, identity, partial(save, result))
            found[label] = result
        yield list(found.values())
        for label in found if is_main() else ():
            folder.forget(label, analysis)


def _scales(wanted: Mapping[str, object]) -> list[str]:
    """Those that an analysis of these settings measures at."""
    several = wanted.get("scales", ())
    return [str(s) for s in (wanted.get("scale"), *cast(Sequence[str], several)) if s is not None]


def measure_each(
    analysis: str, measure: Analysis[R], wanted: Mapping[str, object], asked: Asked
) -> list[R]:
    """One result a checkpoint, written once the last is there; see :func:`each_measured`."""
    from landscape.results import load_result, save_result

    load = cast(Callable[[Path], R], load_result)
    with each_measured(analysis, measure, wanted, asked, save=save_result, load=load) as results:
        write_results(asked.out, analysis, results)
        return results


def show_each(results: Sequence[R], show: Callable[[R], None], *, as_json: bool) -> None:
    """Print the results: by ``show``, or as JSON."""
    if as_json:
        print_json(results)
        return
    for result in results:
        show(result)
