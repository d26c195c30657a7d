"""How often a probe measures; without torch, so that --help is quick."""

from dataclasses import dataclass

from landscape.settings import setting


@dataclass(frozen=True, kw_only=True)
class ProbeSettings:
    """Steps between two calls, at least, and the share of all time that calls may take."""

    every: int = setting(200, "--probe-every", minimum=1, help="Steps from call to call, at least.")
    budget: float = setting(
        0.05, "--probe-budget", above=0.0, help="Share of the time that calls may take."
    )
