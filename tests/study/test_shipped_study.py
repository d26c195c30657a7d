"""The verdicts of the shipped studies again, from stored numbers, by lines of this file's own."""

import json
import re

import numpy as np
import pytest
from scipy.stats import binom, norm, rankdata
from shipped import STUDIES, shipped_report

BOUNDS, ALPHA = (0.8, 1.25), 0.05


def stored(path):
    return json.loads(path.read_text(encoding="utf-8"))["result"]


def norm_and_rise(folder):
    rows = stored(folder / "sharpness.json")["rows"]
    (rise,) = (r["value"] for r in rows if (r["name"], r["radius"]) == ("expected_rise", 0.2))
    return stored(folder / "trace-filter.json")["frobenius_norm"]["mean"], rise


def by_seed(report, recipe):
    found = (re.fullmatch(rf"{recipe}-s(\d+)", p.name) for p in (report / "results").iterdir())
    return {int(m[1]): norm_and_rise(report / "results" / m[0]) for m in found if m}


def sign_flip_p(a, b, ratio=1.0):
    """Two-sided, exact: signed normal scores of the ranks of |a - r b| / (a + r b)."""
    apart = (a - ratio * b) / (a + ratio * b)
    scores = norm.ppf(0.5 + rankdata(abs(apart)) / (2 * (len(apart) + 1)))
    sums = np.zeros(1)
    for score in scores:
        sums = np.concatenate([sums, sums + score])
    seen, slack = scores[apart > 0].sum(), 1e-9
    return min(1.0, 2 * min(np.mean(sums <= seen + slack), np.mean(sums >= seen - slack)))


def inside_p(ratios):
    """The median ratio lies above the lower and below the upper bound: exact sign tests."""
    n = len(ratios)
    counts = (ratios > BOUNDS[0]).sum(), (ratios < BOUNDS[1]).sum()
    return max(binom.sf(count - 1, n, 0.5) for count in counts)


def holm(p):
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    steps = [(len(p) - i) * p[j] for i, j in enumerate(order)]
    adjusted[order] = np.minimum(1, np.maximum.accumulate(steps))
    return adjusted


@pytest.mark.parametrize("name", STUDIES)
def test_verdicts_follow_from_the_numbers_that_are_stored(name):
    study = shipped_report(name)
    plan = json.loads((study / "plan.json").read_text(encoding="utf-8"))
    planned = {recipe["name"]: set(recipe["seeds"]) for recipe in plan["recipes"]}
    pairs = stored(study / "comparison.json")["pairs"]
    values = []
    for pair in pairs:
        one, two = (by_seed(study, pair[key]) for key in ("group", "baseline"))
        seeds = sorted(one.keys() & two.keys())
        assert seeds == sorted(planned[pair["group"]] & planned[pair["baseline"]])
        values += [tuple(np.array([of[s][m] for s in seeds]) for of in (one, two)) for m in (0, 1)]
    differ, inside = (
        holm([test(*v) for v in values]) for test in (sign_flip_p, lambda a, b: inside_p(a / b))
    )
    found = []
    for (a, b), p_differs, p_inside in zip(values, differ, inside, strict=True):
        holds_a_bound = any(sign_flip_p(a, b, bound) > ALPHA for bound in BOUNDS)
        if p_inside <= ALPHA and not holds_a_bound:
            found.append("equivalent")
        elif p_differs <= ALPHA:
            found.append("flatter" if np.median(a / b) < 1 else "sharper")
        else:
            found.append("undecided")
    told = [m for pair in pairs for m in pair["measures"]]
    assert [m["verdict"] for m in told] == found
    assert [m["p_holm"] for m in told] == pytest.approx(list(differ), rel=1e-6)
    overall = [
        of if of == and_of else "undecided"
        for of, and_of in zip(found[::2], found[1::2], strict=True)
    ]
    assert [pair["verdict"] for pair in pairs] == overall


def test_its_controls_came_out_as_the_plan_said():
    """A recipe against itself equivalent, sharpness-aware minimisation flatter, or it says not."""
    controls = {
        c["name"]: c for c in stored(shipped_report("ikun-study") / "study.json")["controls"]
    }
    assert controls["sharpness-aware minimisation, radius 0.2"]["found"] == "flatter"
    assert controls["a recipe against itself, twenty runs each"]["found"] == "equivalent"
    assert controls["rescaled filters"]["found"] == "identical"
