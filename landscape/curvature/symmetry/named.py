"""Products of weights that a user names: ``--pairs``."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from landscape.curvature.symmetry.parts import Block, Factor, Product, Values

_FORM = re.compile(r"(dot|chain):([^,:]+),([^,:]+)(?::(\d+)(?:/(\d+))?)?$")


@dataclass(frozen=True)
class Named:
    """Two weights that a user names: their products, one for each key or value."""

    form: str  # dot | chain
    products: tuple[Product, ...]
    bias: Block | None  # of the second


def named_pairs(pairs: Sequence[str], values: Values) -> Iterator[Named]:
    """The products that ``pairs`` name.

    ``dot:Q,K:HEADS/KEYS`` is one of outputs, q·k in each head; ``chain:V,O:HEADS/KEYS`` one of the
    outputs of V and the inputs of O. Q, K, V and O are modules or weights of shape (out, in), with
    ``.T`` at the end (in, out); a ``*`` stands for the same text in both.

    Raises
    ------
    ValueError
        For another form, or names that the network does not have.
    """
    for text in pairs:
        found = _FORM.match(text.replace(" ", ""))
        if found is None:
            raise ValueError(
                f"pairs must be like dot:blocks.*.q,blocks.*.k:8 or chain:blocks.*.v,blocks.*.o:8 "
                f"(8 heads; 8/2 where 2 keys are shared by 8 queries); got {text!r}."
            )
        form, first, second, heads, keys = found.groups()
        count = int(heads or 1)
        shared = (count, int(keys or count))
        if not shared[0] >= shared[1] > 0 or shared[0] % shared[1]:
            raise ValueError(f"pairs: heads must be a multiple of keys; got {text!r}.")
        at = 0
        for one, other in _resolved(first, second, values):
            at += 1
            products = tuple(_products(form, one, other, *shared, values))
            yield Named(form, products, _bias(other, values))
        if not at:
            raise ValueError(
                f"pairs: {first} and {second} match no weights of two dimensions; the names are: "
                f"{', '.join(n for n in values if values[n].ndim == 2)}."
            )


def _resolved(first: str, second: str, values: Values) -> Iterator[tuple[str, str]]:
    """Pairs of written names, ``*`` filled in."""
    pattern = re.compile(re.escape(first).replace(r"\*", "(.+)"))
    for name in values:
        for written in (name, f"{name}.T", *_modules(name)):
            if match := pattern.fullmatch(written):
                other = second
                for group in match.groups():
                    other = other.replace("*", group, 1)
                if _weight(written, values) and _weight(other, values):
                    yield written, other


def _modules(name: str) -> tuple[str, ...]:
    module, _, last = name.rpartition(".")
    return (module, f"{module}.T") if last == "weight" else ()


def _weight(written: str, values: Values) -> str | None:
    """The name of the weight that is meant."""
    plain = written.removesuffix(".T")
    for name in (plain, f"{plain}.weight"):
        if name in values and values[name].ndim == 2:
            return name
    return None


def _products(
    form: str, first: str, second: str, heads: int, keys: int, values: Values
) -> Iterator[Product]:
    queries, keyed = (first, second) if form == "dot" else (second, first)
    reading = form == "chain"  # the many factors are inputs of the second
    for key in range(keys):
        many = range(key * heads // keys, (key + 1) * heads // keys)
        left = tuple(_factor(queries, reading, head, heads, values) for head in many)
        yield Product("named pairs", left, (_factor(keyed, False, key, keys, values),))


def _factor(written: str, inputs: bool, number: int, count: int, values: Values) -> Factor:
    name = _weight(written, values)
    assert name is not None
    dimension = int(written.endswith(".T") is not inputs)
    size = values[name].shape[dimension] // count
    where = {"start": number * size, "stop": (number + 1) * size}
    bias = None if inputs else _bias(written, values)
    return Factor(
        Block(name, dimension, dimension, **where),
        None if bias is None else Block(bias.name, **where),
    )


def _bias(written: str, values: Values) -> Block | None:
    name = _weight(written, values)
    assert name is not None
    bias = f"{name.removesuffix('weight')}bias"
    return Block(bias) if name.endswith("weight") and bias in values else None
