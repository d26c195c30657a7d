from synthetic_measures import fidelity

from landscape.report.material import gather
from landscape.report.sections.fidelity import fidelity_sentences


def test_many_networks_are_counted_and_few_told_one_by_one():
    labels = [f"net-s{i}" for i in range(6)]
    few = fidelity_sentences(gather([fidelity(label) for label in labels[:2]], None))
    assert all(words.startswith("Fidelity of net-s0") for words in few)
    many = fidelity_sentences(gather([fidelity(label) for label in labels], None))
    operators = [v.operator for v in fidelity("net-s0").verdicts]
    assert len(many) == len(operators)
    assert all("on the 6 networks shown" in words and " for 6;" in words for words in many)
