"""How often a probe measures; without torch, so that --help is quick."""

from dataclasses import dataclass

from landscape.settings import check_settings, setting


@dataclass(frozen=True, kw_only=True)
class ProbeSettings:
    """Steps between two calls, at least, and the share of all time that calls may take."""

    every: int = setting(200, "--probe-every", minimum=1, help="Steps from call to call, at least.")
    budget: float = setting(
        0.05, "--probe-budget", above=0.0, help="Share of the time that calls may take."
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.budget > 1:
            raise ValueError(f"budget must be a share of the time, at most 1; got {self.budget}.")
