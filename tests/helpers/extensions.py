"""An operator, a scale, an analysis and a measure that no other file knows.

Each is a function or two and one entry of the catalog. An entry names its functions as
``module:function``; they are imported when they are first called for.
"""

from dataclasses import dataclass, replace

import torch

from landscape.analysis.spectrum.entry import run as run_spectrum
from landscape.analysis.work import Cost
from landscape.catalog import AnalysisKind, MeasureKind, OperatorKind, ScaleKind
from landscape.curvature.hessian import HessianOperator
from landscape.page.section import Section
from landscape.results import Reading, Result, Trace, make_measure
from landscape.values import Estimate


# An operator: what builds it from the risk.
def twice_the_hessian(risk, *, graph_budget=None):
    return 2 * HessianOperator(risk, graph_budget=graph_budget)


def always(risk):
    return True


OPERATOR = OperatorKind(
    name="twice",
    title="twice the Hessian",
    sentence="It is the Hessian, twice.",
    build="extensions:twice_the_hessian",
    applies="extensions:always",
)


# A scale: the diagonal of S, from the layout of the parameters and their values.
def halves(layout, theta):
    return torch.full_like(theta, 0.5)


SCALE = ScaleKind(
    name="half", diagonal="extensions:halves", invariant_under=("relu",), unit="halves"
)


# An analysis: a type of result where it has one of its own, what runs it, counts it and shows it.
@dataclass(frozen=True, kw_only=True, eq=False)
class Answer(Result):
    text: str


def run_toy(target, settings, earlier, progress):
    """A trace that is always 42, and what it is the answer to."""
    found = run_spectrum(target, settings, earlier, progress)["trace"]
    answer = Answer(subject=found.subject, provenance=found.provenance, text="to everything")
    return {"toy": replace(found, trace=Estimate(mean=42.0, stderr=1.0)), "answer": answer}


def cost_of_toy(work):
    return Cost(num_matvecs=7, num_losses=11, peak_bytes=13)


def section_of_toy(material):
    answers = material.of(Answer)
    if not answers:
        return None
    return Section(key="answer", title="The answer", paragraphs=tuple(a.text for a in answers))


ANALYSIS = AnalysisKind(
    name="toy",
    sentence="a trace of 42",
    run="extensions:run_toy",
    cost="extensions:cost_of_toy",
    gives=("Trace",),
    section="extensions:section_of_toy",
)


# A measure: what reads it off a stored result.
def read_thrice(result):
    if isinstance(result, Trace):
        spec, value = result.operator, 3 * result.trace.mean
        yield Reading(
            measure=make_measure("thrice", value, 0.5, scale=spec.scale, operator=spec.name)
        )


MEASURE = MeasureKind(
    name="thrice",
    title="triple trace",
    sentence="three times the sum of all eigenvalues",
    formula="3 tr A",
    source="this file",
    compared_at=("none",),
    error_over="probes",
    read="extensions:read_thrice",
    of="Trace",
)
