"""The preflight: whether the numbers that follow can mean anything."""

from dataclasses import dataclass

from landscape.results.base import Result


@dataclass(frozen=True, kw_only=True)
class Check:
    """One line of the preflight."""

    name: str
    status: str  # pass | fail | note
    value: str  # what was measured, in words and figures
    advice: str = ""  # what to do where it failed


@dataclass(frozen=True, kw_only=True, eq=False)
class Preflight(Result):
    """All checks of one checkpoint."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.status != "fail" for check in self.checks)
