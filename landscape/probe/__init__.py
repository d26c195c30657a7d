"""Curvature while a network trains, at a stated share of the time, and without a trace."""

from landscape.probe.probe import Probe
from landscape.results.probe import MEASURES, CriticalStep, ProbeValues

__all__ = ["MEASURES", "CriticalStep", "Probe", "ProbeValues"]
