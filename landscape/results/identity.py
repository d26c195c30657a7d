"""What stored work belongs to: settings, and what the code computed when it was made.

Settings are compared one by one. Code cannot be; so a few numbers that it gives at θ are kept, and
compared as closely as the same code on the same machine repeats them.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

KEY = "fingerprint"  # under which settings hold one

_LOSS_DIGITS = 1e-6  # relative
_GRADIENT = 1e-5  # of the first batch's gradient norm
_CHOOSING = {"seed", "split"}  # where one differs, so do the examples
_SHOWN = 12  # digits of a digest


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Loss and gradient at θ on all examples, and on the first of them, where less cancels.

    Attributes
    ----------
    projection
        ∇L·z for one seeded z ~ N(0, I): it sees what the gradient's norm does not.
    environment
        What numbers may differ by that are otherwise the same: device, dtype, threads, versions.
    """

    loss: float
    gradient_norm: float
    projection: float
    first_loss: float
    first_gradient_norm: float
    first_projection: float
    environment: dict[str, str]

    def difference(self, before: "Fingerprint") -> str:
        """What differs by more than rounding, with both values; empty: nothing."""
        room = _GRADIENT * max(self.first_gradient_norm, before.first_gradient_norm)
        told = {
            "the loss": ("loss", _LOSS_DIGITS * abs(before.loss)),
            "its gradient's norm": ("gradient_norm", room),
            "its gradient's projection": ("projection", room),
            "the loss of the first examples": (
                "first_loss",
                _LOSS_DIGITS * abs(before.first_loss),
            ),
            "their gradient's norm": ("first_gradient_norm", room),
            "their gradient's projection": ("first_projection", room),
        }
        changed = []
        for words, (name, tolerance) in told.items():
            old, new = getattr(before, name), getattr(self, name)
            if abs(new - old) > tolerance:
                changed.append(f"{words} was {old:.7g}, now {new:.7g}")
        return "; ".join(changed[:2])


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


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Settings that differ, each with its old and its new value, and what the code changed."""
    changed = _changed(before, now)
    other_examples = "examples_sha256" in changed
    if _CHOOSING & changed.keys():
        changed.pop("examples_sha256", None)
    told = [f"{k} was {_shown(old)}, now {_shown(new)}" for k, (old, new) in changed.items()]
    code = code_difference(before, now)
    if code and not other_examples:  # on which the same code computes other numbers
        told.append(f"network, loss or data have changed: {code}")
    return "; ".join(told)


def _shown(value: object) -> str:
    is_digest = isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value)
    return repr(str(value)[:_SHOWN] if is_digest else value)


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    old, new = (_flat({k: v for k, v in s.items() if k != KEY}) for s in (before, now))
    names = sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k))
    return {name: (old.get(name), new.get(name)) for name in names}


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted names, so that a difference names the one that differs."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
