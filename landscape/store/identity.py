"""What stored work belongs to: settings, and what the code computed when it was made.

Settings are compared one by one. Code cannot be; so a few numbers that it gives at θ are kept, and
compared as closely as the same code on the same machine repeats them.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from landscape.results.fingerprint import Fingerprint
from landscape.results.subject import Subject

if TYPE_CHECKING:
    from landscape.objective.risk import EmpiricalRisk

Identity = dict[str, Any]

KEY = "fingerprint"  # under which an identity holds one

# Records of earlier versions tell more, under another name, or less than an identity of today.
_FORMER_NAMES = {"examples_sha256": "examples"}
_NO_LONGER = {
    *("allow_globals", "command", "data", "data_dir", "device", "keep", "memory", "num_examples"),
    *("objective", "share", "unsafe_pickle", "work"),
}
_NOT_ALWAYS = ("use_ema", "state_key", "split", "seed", "batch_size")
# The start of settings that budgets once lacked, of measures and analyses that there were not.
_NO_PART_OF_BUDGETS = (
    *("budget.sharpness.rise_share", "budget.robustness.", "budget.further"),
    "budget.moves",
)
_CHOOSING = {"seed", "split"}  # where one differs, so do the examples
_SHOWN = 12  # digits of a digest


class SettingsLike(Protocol):
    """How a network and its examples were chosen."""

    @property
    def use_ema(self) -> bool: ...
    @property
    def state_key(self) -> str | None: ...
    @property
    def split(self) -> str: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def pairs(self) -> tuple[str, ...]: ...


class TargetLike(Protocol):
    """A network at its weights on chosen examples: what :mod:`landscape.analysis.opening` makes."""

    @property
    def subject(self) -> Subject: ...
    @property
    def risk(self) -> "EmpiricalRisk": ...
    @property
    def settings(self) -> SettingsLike: ...


def identity_of(
    target: TargetLike, settings: Mapping[str, object], *, batch_norm: str | None = None
) -> Identity:
    """All that moves the numbers of an analysis of ``target`` beyond rounding, as JSON holds it.

    Device, threads and processes move rounding alone, as batches do whose examples do not depend
    on one another: they are no part of it, and the fingerprint's environment names them.

    Parameters
    ----------
    settings
        Those of the analysis.
    batch_norm
        Where it is another than the risk's, and depends on how examples are cut: ``recalibrated``.
    """
    subject, risk, chosen = target.subject, target.risk, target.settings
    of_batches = risk.coupled_by is not None or batch_norm is not None
    about = {
        "checkpoint": subject.checkpoint_sha256,
        "use_ema": chosen.use_ema,
        "state_key": chosen.state_key,
        "model": subject.model,
        "split": chosen.split,
        "examples": subject.examples_sha256,
        "loss": subject.loss_name,
        **({"time": risk.objective.in_time} if risk.objective.in_time else {}),
        "batch_norm": batch_norm or risk.batch_norm,
        "batch_size": chosen.batch_size if of_batches else 0,
        "dtype": str(risk.dtype).removeprefix("torch."),
        "seed": chosen.seed,
        **({"pairs": chosen.pairs} if chosen.pairs else {}),
        **settings,
    }
    plain: Identity = json.loads(
        json.dumps(with_fingerprint(about, subject.fingerprint), default=str)
    )
    return plain


def fingerprint_of(settings: Mapping[str, Any]) -> Fingerprint | None:
    """The one among ``settings``; None: they were stored by a version that kept none."""
    found = settings.get(KEY)
    return Fingerprint(**found) if isinstance(found, Mapping) else None


def with_fingerprint(settings: Mapping[str, Any], found: Fingerprint | None) -> dict[str, Any]:
    """``settings`` with ``found`` among them."""
    return {**settings, **({} if found is None else {KEY: asdict(found)})}


def code_difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What network, loss or data compute otherwise than when ``before`` was stored; empty: nothing.

    On another device, with another number of threads or another version numbers may differ: that is
    no difference here (:func:`environment_note`).
    """
    old, new = fingerprint_of(before), fingerprint_of(now)
    if old is None or new is None or old.environment != new.environment:
        return ""
    return new.difference(old)


def environment_note(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs where the environment does too, in words; empty: nothing."""
    old, new = fingerprint_of(before), fingerprint_of(now)
    if old is None or new is None or old.environment == new.environment:
        return ""
    changed = new.difference(old)
    if not changed:
        return ""
    names = sorted(old.environment.keys() | new.environment.keys())
    moved = ", ".join(
        f"{n} was {old.environment.get(n)}, now {new.environment.get(n)}"
        for n in names
        if old.environment.get(n) != new.environment.get(n)
    )
    return f"{changed} ({moved}): taken for rounding"


def same_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether all settings agree, whatever the code computes."""
    return not _changed(before, now)


def refuse_other_code(before: Mapping[str, Any], now: Mapping[str, Any], what: str) -> None:
    """Refuse to go on from work that other code began.

    Raises
    ------
    ValueError
        With both values.
    """
    if changed := code_difference(before, now):
        raise ValueError(
            f"{what} of other code: network, loss or data have changed since: {changed}. Write to "
            "another folder, or start anew (--force, or remove it)."
        )


def was_no_part_of_budgets(setting: str) -> bool:
    """Whether budgets once lacked ``setting``, told with dots: of an analysis there was not."""
    return setting.startswith(_NO_PART_OF_BUDGETS)


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Settings that differ, each with its old and its new value, and what the code changed."""
    changed = _changed(before, now)
    other_examples = "examples" in changed
    if _CHOOSING & changed.keys():
        changed.pop("examples", None)
    told = [f"{k} was {_shown(old)}, now {_shown(new)}" for k, (old, new) in changed.items()]
    code = code_difference(before, now)
    if code and not other_examples:  # on which the same code computes other numbers
        told.append(f"network, loss or data have changed: {code}")
    return "; ".join(told)


def _shown(value: object) -> str:
    is_digest = isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value)
    return repr(str(value)[:_SHOWN] if is_digest else value)


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    told = (_in_todays_names(before, now), now)
    old, new = (_flat({k: v for k, v in s.items() if k != KEY}) for s in told)
    old |= {k: v for k, v in new.items() if k not in old and was_no_part_of_budgets(k)}
    names = sorted(k for k in old.keys() | new.keys() if not _is_same(old.get(k), new.get(k)))
    return {name: (old.get(name), new.get(name)) for name in names}


def _in_todays_names(before: Mapping[str, Any], now: Mapping[str, Any]) -> Identity:
    """``before`` as today's version tells it; what its own did not tell is taken to be as now."""
    old = {_FORMER_NAMES.get(k, k): v for k, v in before.items() if k not in _NO_LONGER}
    old |= {k: now[k] for k in _NOT_ALWAYS if k in now and k not in old}
    if "params" in now:
        old = {"params": "*"} | old  # they were all
    if old.get("model", "") is None:  # it was the one that the checkpoint names
        old["model"] = now.get("model")
    if now.get("batch_size") == 0:  # it was told whether or not it mattered
        old["batch_size"] = 0
    if "dtype" in old:
        old["dtype"] = str(old["dtype"]).removeprefix("torch.")
    return old


def _is_same(old: object, new: object) -> bool:
    """Whether two settings agree; an earlier version kept what is no number as Python writes it."""
    return old == new or old == repr(tuple(new) if isinstance(new, list) else new)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted names, so that a difference names the one that differs."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
