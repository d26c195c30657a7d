"""Numbers rounded to what is known of them: 1.38 ± 0.02, never 1.3793 ± 0.0204."""

import math
from dataclasses import dataclass

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Rounded:
    """A number as digits: ``mantissa`` (± ``error``) times ten to ``exponent``."""

    mantissa: str
    error: str | None
    exponent: int

    def text(self) -> str:
        """As it stands on the page."""
        mantissa = self.mantissa.replace("-", "−")
        body = mantissa if self.error is None else f"{mantissa} ± {self.error}"
        if not self.exponent:
            return body
        power = f"10{str(self.exponent).translate(_SUPERSCRIPTS)}"
        return f"{body} × {power}" if self.error is None else f"({body}) × {power}"

    def latex(self) -> str:
        """As LaTeX mathematics."""
        body = self.mantissa if self.error is None else rf"{self.mantissa} \pm {self.error}"
        if not self.exponent:
            return f"${body}$"
        power = f"10^{{{self.exponent}}}"
        return rf"${body} \times {power}$" if self.error is None else rf"$({body}) \times {power}$"


def rounded(value: float, stderr: float | None = None, *, digits: int = 4) -> Rounded:
    """Round ``value`` to its error's first digit, or to its second where the first is 1.

    Without an error, at most ``digits`` significant digits are kept. Below 1e-3 and from 1e5 on, a
    power of ten is taken out.
    """
    if not math.isfinite(value) or (stderr is not None and not math.isfinite(stderr)):
        return Rounded(f"{value:.4g}", None if stderr is None else f"{stderr:.4g}", 0)
    largest = max(abs(value), stderr or 0.0)
    exponent = math.floor(math.log10(largest)) if largest > 0 else 0
    if -3 <= exponent < 5:
        exponent = 0
    scale = 10.0**-exponent
    mantissa, error = value * scale, None if stderr is None else stderr * scale
    decimals = _decimals(mantissa, error, digits)
    # Adding 0.0 turns a rounded -0.0 into 0.0.
    number = f"{round(mantissa, decimals) + 0.0:.{max(decimals, 0)}f}"
    if error is None:
        exact = number.rstrip("0").rstrip(".") if "." in number else number
        return Rounded(exact, None, exponent)
    return Rounded(number, f"{round(error, decimals):.{max(decimals, 0)}f}", exponent)


def _decimals(value: float, error: float | None, digits: int) -> int:
    if error:
        first = math.floor(math.log10(error))
        # 0.0996 rounds to 0.10: decide on the digit that will be printed.
        digit = round(error / 10.0**first, 1)
        return -first + 1 if digit < 2 else -first
    magnitude = math.floor(math.log10(abs(value))) if value else 0
    return digits - 1 - magnitude


def format_count(count: int) -> str:
    """An integer with thin spaces between thousands."""
    return f"{count:,}".replace(",", "\u202f")
