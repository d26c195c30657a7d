"""Numbers rounded to what is known of them: 1.38 ± 0.02, never 1.3793 ± 0.0204."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_MOST_DIGITS = 5
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_PM, _TIMES = r"\pm", r"\times"  # LaTeX's


@dataclass(frozen=True)
class Rounded:
    """A number as digits: ``mantissa`` (± ``error``) times ten to ``exponent``.

    ``error`` is a decimal number, or like ``2e-06`` where it is beyond the mantissa's digits.
    """

    mantissa: str
    error: str | None
    exponent: int

    def text(self) -> str:
        """As it stands on the page."""
        return self._join(self.mantissa.replace("-", "−"), "±", "×", power_of_ten)

    def latex(self) -> str:
        """As LaTeX mathematics."""
        return f"${self._join(self.mantissa, _PM, _TIMES, _latex_power)}$"

    def _join(self, body: str, pm: str, times: str, power: Callable[[int], str]) -> str:
        if self.error is not None:
            digit, _, exponent = self.error.partition("e")
            error = f"{digit} {times} {power(int(exponent))}" if exponent else digit
            body = f"{body} {pm} {error}"
        if not self.exponent:
            return body
        return f"{body if self.error is None else f'({body})'} {times} {power(self.exponent)}"


def power_of_ten(exponent: int) -> str:
    """``10⁻⁵`` as plain text."""
    return f"10{str(exponent).translate(_SUPERSCRIPTS)}"


def _latex_power(exponent: int) -> str:
    return f"10^{{{exponent}}}"


def rounded(value: float, stderr: float | None = None, *, digits: int = 4) -> Rounded:
    """Round ``value`` to its error's first digit, or to its second where the first is 1.

    Without an error, at most ``digits`` significant digits are kept. A value whose error is
    beyond its fifth digit keeps five, and the error stands as a power of ten. Values below 1e-3
    and from 1e5 on have a power of ten taken out.
    """
    if not math.isfinite(value) or (stderr is not None and not math.isfinite(stderr)):
        return Rounded(f"{value:.4g}", None if stderr is None else f"{stderr:.4g}", 0)
    largest = max(abs(value), stderr or 0.0)
    exponent = _exponent(largest)
    if -3 <= exponent < 5:
        exponent = 0
    scale = 10.0**-exponent
    mantissa, error = value * scale, None if stderr is None else stderr * scale
    decimals = _decimals(mantissa, error, digits)
    tiny = error and decimals > (most := _MOST_DIGITS - 1 - _exponent(abs(mantissa)))
    if tiny:
        decimals = most
    # Adding 0.0 turns a rounded -0.0 into 0.0.
    number = f"{round(mantissa, decimals) + 0.0:.{max(decimals, 0)}f}"
    if error is None:
        exact = number.rstrip("0").rstrip(".") if "." in number else number
        return Rounded(exact, None, exponent)
    if tiny:
        return Rounded(number, f"{error:.0e}", exponent)
    return Rounded(number, f"{round(error, decimals):.{max(decimals, 0)}f}", exponent)


def common_power(values: Sequence[float]) -> int:
    """The power of ten to take out of numbers that stand together; 0 where they are plain."""
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    exponent = _exponent(largest)
    return 0 if -2 <= exponent < 5 else exponent


def _exponent(value: float) -> int:
    return math.floor(math.log10(value)) if value > 0 else 0


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
