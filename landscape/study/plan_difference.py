"""Where the plans of two studies differ, in words."""

from collections.abc import Mapping
from typing import Any

from landscape.store.identity import was_no_part_of_budgets

_ONLY = "analysis.only"  # which analyses there are to be


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say where two plans' records differ, each place with its old and its new value.

    Further analyses of the same runs are no difference: what is there stays as it is.
    """
    old, new = _flat(before), _flat(now)
    old |= {k: v for k, v in new.items() if k not in old and _was_not_asked(k)}
    if set(old.get(_ONLY, ())) <= set(new.get(_ONLY, ())):
        old[_ONLY] = new.get(_ONLY)
    return [
        f"{key} was {old.get(key, 'absent')!r}, now {new.get(key, 'absent')!r}"
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)  # what an earlier version lacks, it did not ask for
    ]


def _was_not_asked(key: str) -> bool:
    return was_no_part_of_budgets(key.removeprefix("analysis."))


def _flat(value: Any, at: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        items = [(f"{at}.{k}".lstrip("."), v) for k, v in value.items()]
    elif isinstance(value, list) and any(isinstance(v, dict | list) for v in value):
        # Entries with a name are told by it, so that one more shifts no other.
        items = [
            (f"{at}[{v['name'] if isinstance(v, dict) and 'name' in v else i}]", v)
            for i, v in enumerate(value)
        ]
    else:
        return {at: value}
    found: dict[str, Any] = {}
    for key, inner in items:
        found |= _flat(inner, key)
    return found
