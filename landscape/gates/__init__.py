"""Conditions on measured values that make a command fail: a small language, and its judge."""

from landscape.gates.judging import Finding, Judged, Known, Value, check_gate, judge_gate
from landscape.gates.language import (
    VERDICTS,
    Both,
    Comparison,
    Either,
    Gate,
    GateError,
    Measured,
    Number,
    Verdict,
    parse_gate,
    qualifier,
)

__all__ = [
    "VERDICTS",
    "Both",
    "Comparison",
    "Either",
    "Finding",
    "Gate",
    "GateError",
    "Judged",
    "Known",
    "Measured",
    "Number",
    "Value",
    "Verdict",
    "check_gate",
    "judge_gate",
    "parse_gate",
    "qualifier",
]
