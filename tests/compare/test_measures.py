"""Which measures are compared, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from compared_results import (
    PROVENANCE,
    analysed,
    certified,
    checkpoints,
    group,
    sharpness,
    spectral,
    subject,
)

from landscape.compare.groups import (
    grouped,
)
from landscape.compare.measures import (
    choose_primary,
    default_measures,
    fits,
    measures_of,
    missing_notes,
    primary_reason,
    selected,
    shared_measures,
)
from landscape.results import DirectionFidelity, Fidelity, make_measure
from landscape.values import Estimate


def shared(a, b, *, allow_mismatch=False):
    groups = grouped(checkpoints(a, b), None)
    return shared_measures(groups, baseline="kaiming", allow_mismatch=allow_mismatch), groups


DIFFERENCES = {
    "data": ({"data": "mnist"}, {}, "data: fashion-mnist .* against mnist"),
    "examples": ({"examples_sha256": "cd" * 32}, {}, "examples: 1000 of train .abab.* against"),
    "number": ({"num_examples": 500}, {}, "examples: 1000 of train .* against 500 of train"),
    "loss": ({"loss_name": "cross-entropy"}, {}, "loss: mse .* against cross-entropy"),
    "operator": ({}, {"name": "ggn"}, "operator: hessian .* against ggn"),
    "parameters": ({}, {"params": "fc*"}, r"parameters: \* .* against fc\*"),
    "batch norm": ({}, {"batch_norm": "train"}, "batch norm: eval .* against train"),
    "dtype": ({}, {"dtype": "float64"}, "dtype: float32 .* against float64"),
    "weight decay": ({}, {"weight_decay": 1e-4}, "weight decay: 0 .* against 0.0001"),
}


@pytest.mark.parametrize(("subject_of", "spec", "message"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_results_measured_otherwise_are_refused_or_marked(subject_of, spec, message):
    kaiming = group("kaiming", [1, 1])
    other = [r for s in range(2) for r in analysed(subject("ikun_v1", s, **subject_of), **spec)]
    with pytest.raises(ValueError, match=f"measured alike.*{message}.*--allow-mismatch"):
        shared(other, kaiming)
    measures, _ = shared(other, kaiming, allow_mismatch=True)
    top = next(m for m in measures if m.name.startswith("lambda_max[filter]"))
    assert list(top.values) == [f"{i}-adam-s{s}" for i in ("kaiming", "ikun_v1") for s in range(2)]
    field = message.split(":")[0]
    assert top.mismatch.startswith(f"{field}: ")


def test_rises_over_different_bases_are_no_one_measure():
    """Earlier versions measured them over L(θ) itself, which is one draw of a rough function."""

    def rises(init, **base):
        row = make_measure("expected_rise", 0.02, 1e-3, scale="filter", radius=0.1, **base)
        return [replace(sharpness(subject(init, s), 1.0), rows=(row,)) for s in range(2)]

    new = {"base_radius": 0.01, "roughness": 1e-4}
    with pytest.raises(
        ValueError, match=r"base of the rise: L\(θ\) .* against smoothed at ρ₀ = 0\.01"
    ):
        shared(rises("ikun_v1", **new), rises("kaiming"))
    measures, _ = shared(rises("ikun_v1", **new), rises("kaiming", **new))
    assert [m.mismatch for m in measures] == [""]


def test_settings_that_all_have_are_preferred_to_those_of_some():
    both = [
        *group("ikun_v1", [1]),
        *spectral(subject("ikun_v1", 0), 3.0, mean=1.0, dtype="float64"),
        *spectral(subject("ikun_v1", 0), 3.0, mean=1.0, name="ggn"),
    ]
    measures, _ = shared(both, group("kaiming", [1]))
    assert not any(m.mismatch for m in measures)
    assert all(m.settings.get("dtype", "float32") == "float32" for m in measures)
    assert "lambda_max ggn" not in {m.name for m in measures}


def test_each_operator_that_all_have_is_a_measure_of_its_own():
    def with_ggn(init):
        who = subject(init, 0)
        return [*analysed(who), *spectral(who, 1.0, mean=0.1, name="ggn")]

    measures, _ = shared(with_ggn("ikun_v1"), with_ggn("kaiming"))
    found = {m.name for m in measures}
    assert {"lambda_max hessian", "lambda_max ggn", "mean_curvature ggn"} <= found


def test_spectral_rows_of_a_sharpness_table_do_not_count_twice():
    def with_row(init):
        results = analysed(subject(init, 0))
        row = make_measure("lambda_max", 99.0, 0.1, operator="hessian")
        return [*results[:-1], replace(results[-1], rows=(*results[-1].rows, row))]

    measures, _ = shared(with_row("ikun_v1"), with_row("kaiming"))
    tops = [m for m in measures if m.name == "lambda_max hessian"]
    assert [v.row.value for m in tops for v in m.values.values()] == [1.4, 1.4]


def with_cusp(init, slopes, **changes):
    directions = tuple(
        DirectionFidelity(
            name=f"hessian top {number}",
            kind="top",
            operator="hessian",
            slope=0.0,
            curvatures=(1.0,),
            plus=(0.1,),
            plus_stderr=(0.01,),
            minus=(0.1,),
            minus_stderr=(0.01,),
            kappa=(1.0,),
            kappa_stderr=(0.1,),
            ratios=((None,),),
            exponent=None,
            cusp_slope=Estimate(mean=slope, stderr=0.01),
        )
        for number, slope in enumerate(slopes, start=1)
    )
    fields = {
        "operators": ("hessian",),
        "radii": (0.01,),
        "theta_norm": 10.0,
        "fit_radius": 0.03,
        "reference_radius": 0.01,
        "smoothing_radius": None,
        "smoothed_stderr": (),
        "directions": directions,
        "exponent": None,
        "verdicts": (),
        "slope_sweep": (),
        "rule": "",
        "sentence": "",
        "batch_norm": "eval",
        "num_matvecs": 0,
        "num_evaluations": 0,
    }
    return [Fidelity(subject=subject(init, 0), provenance=PROVENANCE, **(fields | changes))]


def test_the_steepest_cusp_is_compared_along_the_same_directions():
    (slope,), _ = shared(with_cusp("ikun_v1", [0.2, 0.5]), with_cusp("kaiming", [0.3, 0.1]))
    assert {label: v.row.value for label, v in slope.values.items()} == {
        "kaiming-adam-s0": 0.3,
        "ikun_v1-adam-s0": 0.5,
    }
    assert slope.compared.hard_forward
    assert not slope.compared.scale_invariant
    assert slope.any.probe_stderr == 0  # its error is over examples, which both networks share
    with pytest.raises(ValueError, match=r"directions: hessian top 1, hessian top 2 .* against"):
        shared(with_cusp("ikun_v1", [0.2]), with_cusp("kaiming", [0.3, 0.1]))
    with pytest.raises(ValueError, match=r"fitted up to: 0.03 ‖θ‖ .* against 0.1"):
        shared(with_cusp("ikun_v1", [0.2], fit_radius=0.1), with_cusp("kaiming", [0.3]))


def test_groups_without_a_shared_measure_are_refused():
    with pytest.raises(ValueError, match=r"must share a measure; got kaiming: .*lambda_max"):
        shared([sharpness(subject("ikun_v1", 0), 1.0)], group("kaiming", [1])[:4])


def test_a_checkpoint_that_lacks_a_measure_is_named():
    part = group("ikun_v1", [1, 1])
    measures, groups = shared(part[:-1], group("kaiming", [1, 1]))
    (note, *_) = missing_notes(groups, [m for m in measures if m.name.startswith("worst")])
    assert note.startswith(
        "worst-case rise (filter scale, ρ = 0.003) was not measured for ikun_v1-adam-s1"
    )


def test_defaults_and_patterns_choose_measures():
    measures, _ = shared(group("ikun_v1", [1]), group("kaiming", [1]))
    two = ["lambda_max[filter] hessian", "expected_rise[filter] ρ=0.03"]
    assert [m.name for m in default_measures(measures, None)] == two
    assert [m.name for m in default_measures(measures, two[1])] == two
    further = default_measures(measures, "mean_curvature[filter]")
    assert [m.name for m in further] == ["mean_curvature[filter] hessian", *two]
    less = [m for m in measures if not m.name.startswith("lambda_max[") and "0.03" not in m.name]
    assert [m.name for m in default_measures(less, None)] == [
        "lambda_max hessian",
        "expected_rise[filter] ρ=0.01",
    ]
    assert [m.name for m in selected(measures, ["expected_rise[filter]"])] == [
        "expected_rise[filter] ρ=0.01",
        "expected_rise[filter] ρ=0.03",
    ]
    assert selected(measures, ["*"]) == measures
    with pytest.raises(ValueError, match="nothing fits 'sharpness'"):
        selected(measures, ["sharpness"])


def test_the_primary_is_the_invariant_eigenvalue_unless_declared():
    measures, _ = shared(group("ikun_v1", [1]), group("kaiming", [1]))
    assert choose_primary(measures, None) == "lambda_max[filter] hessian"
    assert choose_primary(measures, "lambda_max") == "lambda_max hessian"
    assert choose_primary(measures, "expected_rise[filter] ρ=0.03").endswith("0.03")
    raw = [m for m in measures if not m.name.startswith("lambda_max[")]
    assert choose_primary(raw, None) == "lambda_max hessian"
    with pytest.raises(ValueError, match=r"fits expected_rise.*0.01, expected_rise"):
        choose_primary(measures, "expected_rise*")
    with pytest.raises(ValueError, match="'sharp' fits none"):
        choose_primary(measures, "sharp")


def test_brackets_in_patterns_are_literal():
    assert fits("lambda_max[filter] hessian", "lambda_max[filter]")
    assert not fits("lambda_max hessian", "lambda_max[filter]")
    assert not fits("lambda_max[filter] hessian", "lambda_max")
    assert fits("lambda_max[filter] hessian", "lambda_max*")
    assert fits("lambda_maxf", "lambda_max?")


def test_shards_are_recentred_on_the_whole():
    (value,) = (
        v
        for m in shared(
            analysed(subject("ikun_v1", 0), shards=(2.0, 3.0, 4.0)), group("kaiming", [1])
        )[0]
        if m.name == "lambda_max hessian"
        for label, v in m.values.items()
        if label.startswith("ikun")
    )
    again = np.array(value.recentred_shards)
    assert np.exp(np.log(again).mean()) == pytest.approx(value.row.value, rel=1e-14)
    np.testing.assert_allclose(again / again[0], [1, 1.5, 2])
    assert replace(value, shards=(1.0, -1.0)).recentred_shards == ()


def with_certificate(init, **traces):
    """Two networks whose λ_max was measured at the scale of symmetries too."""
    return [
        r
        for who in (subject(init, 0), subject(init, 1))
        for r in (
            *analysed(who),
            *spectral(who, 2.0, mean=0.1, scale="symmetry"),
            *([certified(who, **traces)] if traces else []),
        )
    ]


STAYS = {"none": 2.0, "filter": 1.0, "weight": 1.0, "symmetry": 1.0}
MOVES = STAYS | {"filter": 1.3, "weight": 1.2}


@pytest.mark.parametrize(
    ("of_each", "primary", "held", "words"),
    [
        ((STAYS, STAYS), "filter", True, "certified as invariant on all 4 networks"),
        ((STAYS, MOVES), "symmetry", True, "filter: not invariant on these networks: moved by GL"),
        (({}, STAYS), "filter", None, "no certificate of invariance of ikun_v1-adam-s0"),
        (({}, {}), "filter", None, "by its kind alone it is invariant under batch-norm, relu"),
        ((MOVES | {"symmetry": 1.5},) * 2, "filter", False, "no scale at which it was measured"),
    ],
)
def test_the_first_scale_that_all_networks_keep_bears_the_verdict(of_each, primary, held, words):
    mine, others = (
        with_certificate(init, **traces)
        for init, traces in zip(("ikun_v1", "kaiming"), of_each, strict=True)
    )
    measures, _ = shared(mine, others)
    name = choose_primary(measures, None)
    assert name == f"lambda_max[{primary}] hessian"
    found = next(m for m in measures if m.name == name)
    assert found.compared.certified is held
    assert found.compared.scale_invariant == (held is not False)
    assert words in primary_reason(measures, found, declared=False)


def test_a_certificate_names_what_it_rests_on_and_permutations_are_nothing_to_rest_on():
    def judged(move, traces):
        results = []
        for init in ("ikun_v1", "kaiming"):
            results += [*analysed(subject(init, 0)), certified(subject(init, 0), move, **traces)]
        (found,) = (
            m.compared
            for m in measures_of(checkpoints(results), fits=lambda kind: kind.is_compared)
            if m.name == "lambda_max[filter] hessian"
        )
        return found

    held = judged("factors on units", STAYS)
    assert (held.certified, held.certified_by) == (True, ("factors on units",))
    assert held.certificate.endswith("along every symmetry found (factors on units)")
    empty = judged("permutation of units", dict.fromkeys(STAYS, 1.0))
    assert (empty.certified, empty.certified_by) == (None, ())
    assert "only permutations of units were found of ikun_v1-adam-s0" in empty.certificate
    assert "which leave every scale alone" in empty.certificate
    assert empty.scale_invariant  # by its kind, as where nothing is known


def test_what_the_user_declares_is_told_whether_it_is_certified():
    measures, _ = shared(with_certificate("ikun_v1", **MOVES), with_certificate("kaiming", **MOVES))
    found = next(m for m in measures if m.name == "lambda_max[filter] hessian")
    words = primary_reason(measures, found, declared=True)
    assert words.startswith("declared before looking; not invariant on these networks")
    assert "its trace times 1.3 on kaiming-adam-s0, kaiming-adam-s1 and 2 more" in words


def test_an_invariance_of_its_own_is_none_that_was_seen():
    """Relative flatness claims one whatever its scale: nobody moved weights to look at it."""
    row = make_measure("relative_flatness", 0.2, 0.01, layer="fc")

    def results(init):
        who = subject(init, 0)
        return [replace(sharpness(who, 1.0), rows=(row,)), certified(who, **STAYS)]

    (flatness,), _ = shared(results("ikun_v1"), results("kaiming"))
    assert flatness.compared.certified is False
    assert not flatness.compared.scale_invariant
    assert flatness.compared.certificate == "its invariance is not measured"
