"""Where the plans of two studies differ, in words."""

from collections.abc import Mapping
from typing import Any

from landscape.store.identity import was_no_part_of_budgets

_ONLY = "analysis.only"  # which analyses there are to be
_ONE_IMAGE = "analysis.one_image"
_MATCHED = "comparison.loss_matched_seeds"
_GROWING = ("recipe", "control")  # of which a plan may have more later: no verdict rests on them


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say where two plans' records differ, each place with its old and its new value.

    Further analyses, recipes, controls and seeds at one loss are no difference: what is there stays
    as it is.
    """
    now = _without_further(before, now)
    old, new = _flat(before), _flat(now)
    old |= {k: v for k, v in new.items() if k not in old and _was_not_asked(k)}
    if set(old.get(_ONLY, ())) <= set(new.get(_ONLY, ())):
        old[_ONLY] = new.get(_ONLY)
    if new.get(_ONE_IMAGE):
        old[_ONE_IMAGE] = True
    if old.get(_MATCHED, 0) <= new.get(_MATCHED, 0):
        old[_MATCHED] = new.get(_MATCHED, 0)
    return [
        f"{key} was {old.get(key, 'absent')!r}, now {new.get(key, 'absent')!r}"
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)  # what an earlier version lacks, it did not ask for
    ]


def additions(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What ``now`` asks for beyond ``before``, in words; nothing else may differ."""
    asked = before["analysis"]["only"]
    found = [f"analysis {name}" for name in now["analysis"]["only"] if name not in asked]
    if now["analysis"]["one_image"] and not before["analysis"]["one_image"]:
        found.append("analysis of one image")
    matched = now["comparison"]["loss_matched_seeds"]
    if matched > before["comparison"].get("loss_matched_seeds", 0):
        found.append(f"{matched} seeds at one training loss")
    for kind in _GROWING:
        known = _names(before, kind)
        found += [f"{kind} {name}" for name in _names(now, kind) if name not in known]
    return found


def _without_further(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        f"{kind}s": [e for e in now.get(f"{kind}s", ()) if e["name"] in _names(before, kind)]
        for kind in _GROWING
    }
    return {**now, **kept}


def _names(record: Mapping[str, Any], kind: str) -> list[str]:
    return [entry["name"] for entry in record.get(f"{kind}s", ())]


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
