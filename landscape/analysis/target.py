"""What an analysis works on: the risk, and whose risk it is."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace

import torch
from torch import nn

from landscape.analysis.target_settings import TargetSettings
from landscape.checkpoint.optimizer_state import OptimizerState
from landscape.curvature.second_derivative import SecondDerivative
from landscape.curvature.symmetry.scale import symmetry_scale
from landscape.distributed import alone
from landscape.objective.additivity import Additivity
from landscape.objective.risk import EmpiricalRisk
from landscape.parameters import select_names
from landscape.results import Subject

IN_MEMORY = "in memory"  # in the place of the path of a checkpoint


@dataclass(frozen=True, kw_only=True)
class Target:
    """A network at its weights on chosen examples: everything an analysis needs."""

    subject: Subject
    risk: EmpiricalRisk
    settings: TargetSettings
    by_probes: bool = False  # every process has all examples, and probes of its own
    params: str = "*"  # globs of the parameters that θ was restricted to
    doubt: str  # what speaks against the network on these data, see landscape.analysis.sanity
    second_derivative: SecondDerivative
    additivity: Additivity
    optimizer_state: OptimizerState | None = None  # at these weights, where the checkpoint has it

    @property
    def model(self) -> nn.Module:
        return self.risk.model

    @property
    def is_trusted(self) -> bool:
        """Whether the Hessian is not known to be another matrix than it claims to be."""
        return not self.second_derivative.is_wrong

    @property
    def device(self) -> torch.device:
        return self.risk.device

    def generator(self, purpose: str) -> torch.Generator:
        """A CPU generator for one purpose, seeded by the run's seed: the same on every device."""
        digest = hashlib.sha256(f"{purpose} {self.settings.seed}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))

    def restricted(self, params: str) -> "Target":
        """The target with θ the parameters whose names match these globs, and a note of it."""
        if params == "*":
            return self
        risk = self.risk.select(select_names(self.risk.layout.names, params))
        note = (
            f"θ is {params}: {risk.num_params:,} of {self.risk.num_params:,} parameters; the "
            "others are held fixed"
        )
        subject = replace(self.subject, notes=(*self.subject.notes, note))
        return replace(self, risk=risk, subject=subject, params=params)

    def with_note_on(self, scales: Collection[str]) -> "Target":
        """The target with a note where ``symmetry`` is among ``scales``, and is but ``weight``."""
        if "symmetry" not in scales or not symmetry_scale(self.risk).is_weight:
            return self
        note = (
            "no products of weights were found: the scale symmetry is the same as weight here; "
            "name them with --pairs"
        )
        return replace(self, subject=replace(self.subject, notes=(*self.subject.notes, note)))

    def shards(self, count: int) -> list["Target"]:
        """The target on ``count`` disjoint parts of its examples, every ``count``-th in each.

        Raises
        ------
        ValueError
            With fewer examples than shards.
        """
        if not 2 <= count <= self.risk.num_examples:
            raise ValueError(f"shards must lie in [2, {self.risk.num_examples}]; got {count}.")
        return [replace(self, risk=self.risk.on(part)) for part in self.risk.parts(count)]

    def stride(self, least: int | None) -> int:
        """The largest k whose every k-th example leaves ``least``; 1: all, as of whole batches."""
        cuttable = self.risk.is_cut_by_rows and self.risk.coupled_by is None
        return max(1, self.risk.num_examples // least) if least and cuttable else 1

    def part(self, least: int | None) -> "Target":
        """The target on every k-th of its examples, as few as leave ``least``; see ``stride``.

        Its subject is that of these examples; the fingerprint stays that of all.
        """
        every = self.stride(least)
        if every == 1:
            return self
        with alone(self.by_probes):
            risk = self.risk.on(self.risk.parts(every)[0])
            evaluation, gradient = risk.evaluate(), risk.gradient()
        whole = self.subject
        subject = replace(
            whole,
            taken="; ".join(
                t for t in (whole.taken, f"of these 1 in {every}") if t not in ("", "all")
            ),
            num_examples=risk.num_examples,
            examples_sha256=hashlib.sha256(f"{whole.examples_sha256} {every}".encode()).hexdigest(),
            loss=evaluation.loss,
            accuracy=evaluation.accuracy,
            grad_norm=float(gradient.double().norm()),
        )
        return replace(self, risk=risk, subject=subject)
