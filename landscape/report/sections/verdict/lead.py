"""The sentence that tells the verdicts on many pairs of groups, by name where they are few."""

from collections.abc import Sequence
from typing import NamedTuple

from landscape.page.material import labels_by_text
from landscape.results.comparison import Comparison, PairRow

_MOST_CLAUSES = 4  # told by name; of more it is counted

_COUNTED = {
    "flatter": "flatter minima than the baseline's",
    "sharper": "sharper minima",
    "equivalent": "minima as flat as the baseline's, within the bounds",
}
_SAID = {"flatter": "flatter than", "sharper": "sharper than", "equivalent": "as flat as"}


class _Claim(NamedTuple):
    """The verdict on a group against its baseline, alike under all conditions or under one."""

    group: str
    baseline: str
    verdict: str


def overview_lead(comparison: Comparison) -> str:
    """Which groups are flatter than which, or how many are; then what is undecided."""
    pairs = comparison.pairs
    claims, alike = _claims(pairs)
    clauses = [
        f"{_listed(groups)} {'are' if len(groups) > 1 else 'is'} {words} {baseline}"
        for verdict, words in _SAID.items()
        for baseline, groups in labels_by_text(_sides(claims, verdict)).items()
    ]
    if not clauses:
        count = len(pairs)
        return f"All {count} comparisons are undecided: none shows flatter minima, none sharper."
    if len(clauses) > _MOST_CLAUSES:
        return _counts(pairs)
    told = f"{', '.join(clauses)}{alike}"
    undecided = _undecided(_sides(claims, "undecided"))
    if len(undecided) > _MOST_CLAUSES:
        count = sum(p.verdict == "undecided" for p in pairs)
        return f"{told}; {count} of {len(pairs)} comparisons are undecided."
    return f"{told}. Undecided: {', '.join(undecided)}." if undecided else f"{told}."


def _undecided(sides: Sequence[tuple[str, str]]) -> list[str]:
    """Those of one group together, or those of one baseline, whichever is shorter."""
    by_group = labels_by_text((baseline, group) for group, baseline in sides)
    by_baseline = labels_by_text(sides)
    if len(by_group) < len(by_baseline):
        return [f"{group} against {_listed(others)}" for group, others in by_group.items()]
    return [f"{_listed(groups)} against {baseline}" for baseline, groups in by_baseline.items()]


def _counts(pairs: Sequence[PairRow]) -> str:
    parts = [
        f"{n} with {words}"
        for verdict, words in _COUNTED.items()
        if (n := sum(p.verdict == verdict for p in pairs))
    ]
    if undecided := sum(p.verdict == "undecided" for p in pairs):
        parts.append(f"{undecided} undecided")
    return f"Of {len(pairs)} comparisons: {', '.join(parts)}."


def _claims(pairs: Sequence[PairRow]) -> tuple[list[_Claim], str]:
    """What is to be told, and the conditions that it holds under alike.

    Recipes named ``a-adam`` and ``b-adam`` are compared under the condition ``adam``. Where every
    comparison was made under the same several conditions, those that came out alike are one claim.
    """
    heads = [_heads(pair) for pair in pairs]
    conditions: dict[tuple[str, str], list[str]] = {}
    for group, baseline, condition in heads:
        conditions.setdefault((group, baseline), []).append(condition)
    sets = {tuple(sorted(found)) for found in conditions.values()}
    shared = sets.pop() if len(sets) == 1 else ()
    if len(shared) < 2:
        return [_Claim(p.group, p.baseline, p.verdict) for p in pairs], ""
    verdicts: dict[tuple[str, str], set[str]] = {}
    for pair, (group, baseline, _) in zip(pairs, heads, strict=True):
        verdicts.setdefault((group, baseline), set()).add(pair.verdict)
    claims = [
        _Claim(group, baseline, pair.verdict)
        if len(verdicts[group, baseline]) == 1
        else _Claim(pair.group, pair.baseline, pair.verdict)
        for pair, (group, baseline, _) in zip(pairs, heads, strict=True)
    ]
    split = any(len(found) > 1 for found in verdicts.values())
    return list(dict.fromkeys(claims)), f" ({'otherwise ' * split}{_listed(shared)} alike)"


def _heads(pair: PairRow) -> tuple[str, str, str]:
    """The two names without the parts at their ends that they share, and these parts."""
    group, baseline = pair.group.split("-"), pair.baseline.split("-")
    shared = 0
    while (
        shared + 1 < min(len(group), len(baseline)) and group[-1 - shared] == baseline[-1 - shared]
    ):
        shared += 1
    if not shared:
        return pair.group, pair.baseline, ""
    return "-".join(group[:-shared]), "-".join(baseline[:-shared]), "-".join(group[-shared:])


def _sides(claims: Sequence[_Claim], verdict: str) -> list[tuple[str, str]]:
    """Group and baseline of those with this verdict."""
    return [(c.group, c.baseline) for c in claims if c.verdict == verdict]


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
