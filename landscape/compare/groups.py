"""Which checkpoint belongs to which group: as asked, by its sidecar, or by its file's name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from glob import escape
from pathlib import PurePath
from typing import NamedTuple

from landscape.compare.recipes import Recipe
from landscape.hints import few
from landscape.results import (
    ComparedRun,
    Comparison,
    Result,
    Subject,
    TrainingInfo,
    epoch_in,
    free_label,
    recipe_of,
    seed_in,
    told_apart,
)


class Origin(NamedTuple):
    """What a checkpoint's label and sidecar tell of its training."""

    label: str
    model: str
    training: TrainingInfo | None

    @property
    def seed(self) -> int | None:
        """By the sidecar, else by the label."""
        return self.training.seed if self.training else seed_in(self.label)

    @property
    def epoch(self) -> int | None:
        """Epochs that it had finished, found likewise."""
        return self.training.epoch if self.training else epoch_in(self.label)


@dataclass(frozen=True, kw_only=True)
class Analysed:
    """A checkpoint with everything that was measured of it."""

    subject: Subject
    results: tuple[Result, ...]

    @property
    def label(self) -> str:
        return self.subject.label

    @property
    def origin(self) -> Origin:
        return Origin(self.label, self.subject.model, self.subject.training)

    @property
    def seed(self) -> int | None:
        return self.origin.seed

    @property
    def epoch(self) -> int | None:
        return self.origin.epoch

    @property
    def run(self) -> ComparedRun:
        s = self.subject
        return ComparedRun(
            label=s.label,
            checkpoint=s.checkpoint,
            checkpoint_sha256=s.checkpoint_sha256,
            seed=self.seed,
            epoch=self.epoch,
            loss=s.loss,
            accuracy=s.accuracy,
            test_accuracy=s.training.test_accuracy if s.training else None,
        )


Groups = dict[str, list[Analysed]]

_MOST_NAMED = 12


def with_unique_labels(results: Sequence[Result]) -> list[Result]:
    """Rename the checkpoints that share a label with another file: by folders, else by number."""
    files: dict[str, dict[str, PurePath]] = {}
    for r in results:
        known = files.setdefault(r.subject.label, {})
        known.setdefault(r.subject.checkpoint_sha256, PurePath(r.subject.checkpoint))
    taken = {label for label, known in files.items() if len(known) == 1}
    names: dict[tuple[str, str], str] = {}
    for label, known in files.items():
        if len(known) > 1:
            found = told_apart([label] * len(known), list(known.values()))
            for digest, name in zip(known, found, strict=True):
                names[label, digest] = free_label(name, taken)
    renamed = []
    for r in results:
        s = r.subject
        unique = names.get((s.label, s.checkpoint_sha256))
        renamed.append(r if unique is None else replace(r, subject=replace(s, label=unique)))
    return renamed


def analysed_checkpoints(results: Sequence[Result], *, split: str) -> list[Analysed]:
    """Results by checkpoint, those of ``split`` only.

    Raises
    ------
    ValueError
        If there are none.
    """
    found: dict[str, list[Result]] = {}
    for r in with_unique_labels(results):
        if r.subject.split == split:
            found.setdefault(r.subject.label, []).append(r)
    if not found:
        splits = ", ".join(sorted({r.subject.split for r in results})) or "none at all"
        raise ValueError(
            f"split must be one that was analysed ({splits}); got {split!r}. Choose it, or analyse "
            "the checkpoints on it."
        )
    return [Analysed(subject=rs[0].subject, results=tuple(rs)) for rs in found.values()]


def grouped(
    checkpoints: Sequence[Analysed], patterns: Mapping[str, Sequence[str]] | None
) -> Groups:
    """Divide ``checkpoints`` into groups.

    By ``patterns``, each group's globs of paths, file names or labels; else by the recipes in the
    sidecars, where all have one; else by file names less their seed (``-s3``) and epoch (``-e10``).

    Raises
    ------
    ValueError
        If a checkpoint fits two groups, or a group has none or holds the same weights twice.
    """
    if patterns:
        groups = _by_patterns(checkpoints, patterns)
    else:
        groups = {}
        names = names_of_groups([c.origin for c in checkpoints])
        for name, c in zip(names, checkpoints, strict=True):
            groups.setdefault(name, []).append(c)
    for name, members in groups.items():
        seen: dict[str, str] = {}
        for c in members:
            twin = seen.setdefault(c.subject.checkpoint_sha256, c.label)
            if twin != c.label:
                raise ValueError(
                    f"group {name!r} holds the same weights twice, {twin} and {c.label}: a copy is "
                    "no further training run. Leave one out."
                )
    return groups


def names_of_groups(origins: Sequence[Origin]) -> list[str]:
    """The group of each: after its initialisation and what else tells recipes apart, or its label.

    By label less seed and epoch where one has no sidecar.
    """
    recipes = [
        Recipe(training=o.training, model=o.model) for o in origins if o.training is not None
    ]
    if len(recipes) < len(origins):
        return [recipe_of(o.label) for o in origins]
    return [recipe.name(recipes) for recipe in recipes]


def find_group(groups: Groups, asked: str | None, *, note: str) -> str:
    """The group called ``asked``, or the only one whose name starts so.

    Raises
    ------
    ValueError
        If there is none, or several, or nothing was asked for; ends with ``note``, which names
        the groups.
    """
    if asked in groups:
        return asked
    close = [name for name in groups if asked and name.startswith(asked)]
    if len(close) == 1:
        return close[0]
    if asked is None:
        raise ValueError(f"--baseline must name the group to compare with. {note}")
    raise ValueError(f"--baseline must be one of the groups; got {asked!r}. {note}")


def groups_note(
    checkpoints: Sequence[Analysed], patterns: Mapping[str, Sequence[str]] | None, groups: Groups
) -> str:
    """Which groups there are, how :func:`grouped` made them, and how to have others."""
    without = sum(c.subject.training is None for c in checkpoints)
    if patterns:
        how = "as --group says"
    elif not without:
        how = "by what the sidecars tell of the training"
    else:
        lacking = f"{without} of {len(checkpoints)} checkpoints have no sidecar"
        how = f"by file names less seed (-s3) and epoch (-e10), since {lacking}"
    counts = [f"{name} ({len(members)})" for name, members in groups.items()]
    return (
        f"Groups were made {how}: {few(counts, _MOST_NAMED)}. For others say "
        "--group NAME=GLOB, once for each."
    )


def _by_patterns(checkpoints: Sequence[Analysed], patterns: Mapping[str, Sequence[str]]) -> Groups:
    groups: Groups = {name: [] for name in patterns}
    for c in checkpoints:
        path = c.subject.checkpoint
        texts = (path, PurePath(path).name, PurePath(path).stem, c.label)
        fitting = [
            name
            for name, globs in patterns.items()
            if any(fnmatchcase(text, glob) for text in texts for glob in globs)
        ]
        if len(fitting) > 1:
            raise ValueError(
                f"groups must not overlap; {c.label} ({path}) fits {' and '.join(fitting)}. Make "
                "their patterns narrower."
            )
        if fitting:
            groups[fitting[0]].append(c)
    for name, members in groups.items():
        if not members:
            raise ValueError(
                f"group {name!r} must hold a checkpoint; none fits {' or '.join(patterns[name])}. "
                f"There are {', '.join(c.subject.checkpoint for c in checkpoints)}."
            )
    return groups


def groups_of(comparison: Comparison) -> dict[str, list[str]]:
    """The groups that were compared, as globs of their runs' labels."""
    return {group.name: [escape(run.label) for run in group.runs] for group in comparison.groups}
