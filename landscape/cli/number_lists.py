"""Option values that are lists: ``0.01,0.03`` and ``none,filter``."""

import click


def numbers(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> tuple[float, ...]:
    """Comma-separated numbers; nothing gives an empty tuple."""
    del context
    try:
        return tuple(float(part) for part in (text or "").split(",") if part.strip())
    except ValueError as error:
        raise click.BadParameter(
            f"expected numbers separated by commas, such as 0.01,0.1; got {text!r}.",
            param=parameter,
        ) from error


def words(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[str, ...]:
    """Comma-separated words; nothing gives an empty tuple."""
    del context, parameter
    return comma_separated(text or "")


def comma_separated(text: str) -> tuple[str, ...]:
    """The parts of ``text`` that are not empty."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
