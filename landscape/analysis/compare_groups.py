"""Which checkpoint belongs to which group: as asked, by its sidecar, or by its file's name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import PurePath

from landscape.results import ComparedRun, Result, Subject, TrainingInfo, recipe_of

_SEED = re.compile(r"[-_.]s(?:eed)?[-_=]?(\d+)(?=$|[-_.])")
_EPOCH = re.compile(r"[-_.]e(?:p|poch)?[-_=]?(\d+)(?=$|[-_.])")


@dataclass(frozen=True, kw_only=True)
class Analysed:
    """A checkpoint with everything that was measured of it."""

    subject: Subject
    results: tuple[Result, ...]

    @property
    def label(self) -> str:
        return self.subject.label

    @property
    def seed(self) -> int | None:
        """Of its training, by the sidecar, else by the file's name."""
        training = self.subject.training
        return training.seed if training else _number(_SEED, self.label)

    @property
    def epoch(self) -> int | None:
        """Epochs that its training had finished, found likewise."""
        training = self.subject.training
        return training.epoch if training else _number(_EPOCH, self.label)

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


def with_unique_labels(results: Sequence[Result]) -> list[Result]:
    """Rename the checkpoints that share a label with another file: by folder, else by number."""
    files: dict[str, list[str]] = {}
    for r in results:
        known = files.setdefault(r.subject.label, [])
        if r.subject.checkpoint_sha256 not in known:
            known.append(r.subject.checkpoint_sha256)
    taken = {label for label, digests in files.items() if len(digests) == 1}
    names: dict[tuple[str, str], str] = {}
    renamed = []
    for r in results:
        s = r.subject
        if len(files[s.label]) > 1:
            key = (s.label, s.checkpoint_sha256)
            if key not in names:
                names[key] = _free(f"{PurePath(s.checkpoint).parent.name}-{s.label}", taken)
            r = replace(r, subject=replace(s, label=names[key]))  # noqa: PLW2901
        renamed.append(r)
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
        If a checkpoint fits two groups, a group has none or holds the same weights twice, or there
        are fewer than two groups.
    """
    if patterns:
        groups = _by_patterns(checkpoints, patterns)
    elif all(c.subject.training for c in checkpoints):
        groups = _by_recipe(checkpoints)
    else:
        groups = {}
        for c in checkpoints:
            groups.setdefault(recipe_of(c.label), []).append(c)
    if len(groups) < 2:
        raise ValueError(
            f"groups must be at least 2 to be compared; got {', '.join(groups)} "
            f"({len(checkpoints)} checkpoints). Name them, for example --group "
            "'mine=checkpoints/mine-*' --group 'other=checkpoints/other-*'."
        )
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


def find_group(groups: Groups, asked: str | None) -> str:
    """The group called ``asked``, or the only one whose name starts so.

    Raises
    ------
    ValueError
        If there is none, or several, or nothing was asked for.
    """
    if asked in groups:
        return asked
    close = [name for name in groups if asked and name.startswith(asked)]
    if len(close) == 1:
        return close[0]
    names = ", ".join(groups)
    if asked is None:
        raise ValueError(f"--baseline must name the group to compare with, one of {names}.")
    raise ValueError(f"--baseline must be one of the groups {names}; got {asked!r}.")


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


def _by_recipe(checkpoints: Sequence[Analysed]) -> Groups:
    """Groups named after the initialisation, and after what else tells recipes apart."""
    recipes = [_Recipe.of(c.subject) for c in checkpoints]
    groups: Groups = {}
    for c, recipe in zip(checkpoints, recipes, strict=True):
        groups.setdefault(recipe.name(recipes), []).append(c)
    return groups


@dataclass(frozen=True, kw_only=True)
class _Recipe:
    training: TrainingInfo  # only what a recipe consists of is looked at
    model: str

    @classmethod
    def of(cls, subject: Subject) -> "_Recipe":
        assert subject.training is not None
        return cls(training=subject.training, model=subject.model)

    def name(self, others: Sequence["_Recipe"]) -> str:
        t, trained = self.training, [other.training for other in others]
        same = [o for o in trained if o.optimizer == t.optimizer]
        parts = [t.init]
        if t.gain != 1:
            parts.append(f"gain{t.gain:g}")
        if t.init.startswith("ikun") and t.beta not in (None, "released"):
            parts.append(str(t.beta))
        if len(same) < len(trained):
            parts.append(t.optimizer)
        if any(o.learning_rate != t.learning_rate for o in same):
            parts.append(f"lr{t.learning_rate:g}")
        if any(o.momentum != t.momentum for o in same):
            parts.append(f"momentum{t.momentum or 0:g}")
        if any(o.weight_decay != t.weight_decay for o in same):
            parts.append(f"wd{t.weight_decay:g}")
        if any(other.model != self.model for other in others):
            parts.append(self.model)
        return "-".join(parts)


def _number(pattern: re.Pattern[str], label: str) -> int | None:
    found = pattern.search(label)
    return int(found[1]) if found else None


def _free(name: str, taken: set[str]) -> str:
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}-{number}", number + 1
    taken.add(candidate)
    return candidate
