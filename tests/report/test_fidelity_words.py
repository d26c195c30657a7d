import warnings
from dataclasses import replace

from matplotlib.figure import Figure
from synthetic_measures import fidelity

from landscape.page.material import gather
from landscape.report.sections.all import make_sections
from landscape.report.sections.fidelity import fidelity_sentences


def test_many_networks_are_counted_and_few_told_one_by_one():
    labels = [f"net-s{i}" for i in range(6)]
    few = fidelity_sentences(gather([fidelity(label) for label in labels[:2]], None))
    assert all(words.startswith("Fidelity of net-s0") for words in few)
    many = fidelity_sentences(gather([fidelity(label) for label in labels], None))
    operators = [v.operator for v in fidelity("net-s0").verdicts]
    assert len(many) == len(operators)
    assert all("on the 6 networks shown" in words and " for 6;" in words for words in many)


def test_the_table_and_the_words_tell_one_rank_correlation():
    result = fidelity("net-s0")
    (section,) = [s for s in make_sections(gather([result], None)) if s.key == "fidelity"]
    (table,) = [t for t in section.tables if t.name == "fidelity"]
    keys = [column.key for column in table.columns]
    reference = result.radii.index(result.reference_radius)
    for row, verdict in zip(table.cells, result.verdicts, strict=True):
        cell = row[keys.index("rank_correlation")]
        assert cell.value == verdict.rank_correlations[reference]


def test_a_network_without_curvature_is_drawn_without_a_warning():
    def without(along):
        zeros = (0.0,) * len(along.kappa)
        return replace(
            along,
            curvatures=(0.0,) * len(along.curvatures),
            kappa=zeros,
            kappa_stderr=zeros,
            ratios=tuple((None,) * len(zeros) for _ in along.ratios),
        )

    result = fidelity("net-s0")
    flat = replace(result, directions=tuple(map(without, result.directions)))
    (section,) = [s for s in make_sections(gather([flat], None)) if s.key == "fidelity"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for figure in section.figures:
            figure.draw(Figure(figsize=(7, 3)), False)
