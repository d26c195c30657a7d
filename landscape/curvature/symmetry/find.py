"""The symmetries of a network: guessed from its modules and a forward pass, confirmed by moves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from landscape.curvature.symmetry import moves
from landscape.curvature.symmetry.attention import Attention, attentions
from landscape.curvature.symmetry.confirm import Confirmer
from landscape.curvature.symmetry.hidden import (
    adjacent_maps,
    cells_read,
    chain_of,
    filters,
    low_rank_pairs,
    permuted_units,
    rescaled_units,
)
from landscape.curvature.symmetry.named import named_pairs
from landscape.curvature.symmetry.parts import (
    Block,
    Factor,
    Group,
    Norm,
    Output,
    Product,
    Symmetries,
    Units,
    Values,
)
from landscape.curvature.symmetry.record import Call, record
from landscape.curvature.symmetry.recurrent import recurrences
from landscape.distributed import alone, from_main
from landscape.objective.risk import EmpiricalRisk

_GROUPS: tuple[Group, ...] = ("linear", "rotary", "rotary-interleaved", "scalar")
_FOUND = "symmetries"

T = TypeVar("T")


def symmetries_of(risk: EmpiricalRisk) -> Symmetries:
    """What leaves the function of ``risk`` alone; found once for all risks made of it.

    Raises
    ------
    ValueError
        If a pair that the user named is none.
    """
    if _FOUND not in risk.found:
        own = Symmetries()
        if risk.batches:
            with alone():  # each on its own examples, so that none waits long for another
                own = _Search(risk).run()
        risk.found[_FOUND] = from_main(lambda: own)
    found: Symmetries = risk.found[_FOUND]
    return found


@dataclass
class _Search:
    risk: EmpiricalRisk
    refuted: list[str] = field(default_factory=list)

    def run(self) -> Symmetries:
        self.confirmer = Confirmer(self.risk)
        self.values = self.confirmer.values
        calls = record(self.confirmer.risk)
        norms = self._norms(calls)
        products: list[Product] = []
        outputs: list[Output] = []
        keys: list[Factor] = []
        for pair in named_pairs(self.risk.pairs, self.values):
            named = [self._named(_normed_product(product, norms)) for product in pair.products]
            products += named
            if pair.form == "dot":
                self._keys(named, keys)
            elif pair.bias is not None:
                terms = tuple((left.weight, p.right[0]) for p in named for left in p.left)
                self._output(Output(pair.bias, terms), outputs)
        for guesses in attentions(self.risk.model):
            self._attention(guesses, norms, products, outputs, keys)
        self._pairs(calls, norms, products, outputs)
        chain = chain_of(calls)
        recurrent = recurrences(self.confirmer.risk.model, self.confirmer.risk.parameters)
        cells = [(r, *read) for r in recurrent for read in cells_read(chain, r)]
        projected = [p for _, cell, readers in cells for p in cell.products(readers)]
        products += self._hold("projections of recurrences", projected, moves.product_move)
        taken = _names(products)
        rescaled = [cell.units(readers) for r, cell, readers in cells if r.is_rescaled]
        units = [u for u in (*rescaled_units(chain), *rescaled) if not _touches(u, taken)]
        permuted = [*permuted_units(chain), *(cell.units(readers) for _, cell, readers in cells)]
        rows = list(filters(chain))
        sums = [pair for r in recurrent for cell in r.cells for pair in cell.sums]
        return Symmetries(
            products=tuple(products),
            outputs=tuple(outputs),
            norms=tuple(norms),
            factors=tuple(self._hold("factors on units", units, moves.unit_move)),
            permuted=tuple(self._hold("permutation of units", permuted, moves.permutation_move)),
            rows=tuple(self._hold("filters before batch norm", rows, moves.rows_move)),
            keys=tuple(keys),
            sums=tuple(self._hold("recurrences' biases", sums, moves.sum_move)),
            refuted=tuple(dict.fromkeys(self.refuted)),
        )

    def _hold(self, kind: str, found: Sequence[T], draw: Callable[[T], moves.Draw]) -> list[T]:
        good, bad = self.confirmer.those_that_hold(found, draw)
        if bad and not good:
            self.refuted.append(kind)
        return good

    def _norms(self, calls: Sequence[Call]) -> list[Norm]:
        plain = _norm_guesses(calls)
        guessed, others = self.confirmer.those_that_hold(plain, moves.norm_weight_move)
        shifted = [replace(norm, offset=1.0) for norm in others]
        guessed += self.confirmer.those_that_hold(shifted, moves.norm_weight_move)[0]
        if plain and not guessed:
            self.refuted.append("norms' weights")
        able = [n for n in guessed if n.beta is not None and len(n.biased) == len(n.maps)]
        shifting = self._hold("norms' biases", able, moves.norm_bias_move)
        return [replace(norm, shifts=norm in shifting) for norm in guessed]

    def _named(self, product: Product) -> Product:
        for group in _GROUPS:
            tried = replace(product, group=group)
            if self._is_symmetry([tried]):
                return tried
        names = ", ".join(sorted(_names([product])))
        raise ValueError(
            f"pairs: {names} are no pair: A on one and its inverse on the other change the "
            "network's outputs. Is one of them used elsewhere, is there something between them, "
            "or are heads missing (:HEADS)?"
        )

    def _is_symmetry(self, products: Sequence[Product]) -> bool:
        draws = tuple(map(moves.product_move, products))
        even = all(_size(p, self.values) % 2 == 0 for p in products)
        if any("rotary" in p.group for p in products) and not even:
            return False
        return self.confirmer.holds(moves.Move("products", draws))

    def _attention(
        self,
        guesses: Sequence[Attention],
        norms: Sequence[Norm],
        products: list[Product],
        outputs: list[Output],
        keys: list[Factor],
    ) -> None:
        if _names(products) & _names([*guesses[0].queries, *guesses[0].values]):
            return  # the user has named them
        for guess in guesses:
            values = [_normed_product(p, norms) for p in guess.values]
            if not self._is_symmetry(values):
                continue
            products += values
            if guess.output is not None:
                self._output(_normed_output(guess.output, norms), outputs)
            self._queries([_normed_product(p, norms) for p in guess.queries], products, keys)
            return
        self.refuted.append("attention's products")

    def _queries(
        self, queries: Sequence[Product], products: list[Product], keys: list[Factor]
    ) -> None:
        for group in _GROUPS:
            tried = [replace(p, group=group) for p in queries]
            if self._is_symmetry(tried):
                products += tried
                self._keys(tried, keys)
                return
        self.refuted.append("attention's products of query and key")

    def _keys(self, queries: Sequence[Product], keys: list[Factor]) -> None:
        shifted = [f for p in queries for f in p.right if f.bias is not None]
        keys += self._hold("keys' biases", shifted, moves.key_move)

    def _output(self, output: Output, outputs: list[Output]) -> None:
        if all(value.bias is not None for _, value in output.terms):
            outputs += self._hold("values' biases", [output], moves.output_move)

    def _pairs(
        self,
        calls: Sequence[Call],
        norms: Sequence[Norm],
        products: list[Product],
        outputs: list[Output],
    ) -> None:
        adapters = [_normed_product(p, norms) for p in low_rank_pairs(self.values)]
        products += self._hold("adapters' products", adapters, moves.product_move)
        for first, second, guess in adjacent_maps(calls):
            product = _normed_product(guess, norms)
            if _names([product]) & _names(products):
                continue
            if self._hold("products of adjacent maps", [product], moves.product_move):
                products.append(product)
                if first.bias is not None and second.bias is not None:
                    term = (product.left[0].weight, product.right[0])
                    self._output(Output(second.bias, (term,)), outputs)


def _norm_guesses(calls: Sequence[Call]) -> list[Norm]:
    """Each norm with the maps that read its output, or with the next one that could."""
    found: dict[str, Norm] = {}
    for place, call in enumerate(calls):
        if call.kind != "norm":
            continue
        readers = {
            other.name: other
            for other in calls
            if other.kind == "linear" and other.source == call.target
        }
        if not readers:
            after = (c for c in calls[place:] if c.kind == "linear")
            readers = {c.name: c for c in after if c.num_inputs == call.num_outputs}
            readers = dict(list(readers.items())[:1])
        fits = all(c.num_inputs == call.num_outputs for c in readers.values())
        if readers and fits:
            maps = tuple(reader.map for reader in readers.values())
            found[call.name] = Norm(call.rows, call.bias, maps)
    return list(found.values())


def _normed(factor: Factor, norms: Sequence[Norm]) -> Factor:
    """The factor with the norm whose outputs it reads, if there is one."""
    for norm in norms:
        if any(_is_part(factor.weight, each.weight) for each in norm.maps):
            return replace(factor, norm=norm)
    return factor


def _is_part(rows: Block, whole: Block) -> bool:
    """Whether some of a map's outputs, ``rows``, are among those of ``whole``."""
    if rows.name != whole.name or rows.first == whole.first:
        return False
    if whole.cut != rows.cut or whole.stop is None or rows.stop is None:
        return True
    return whole.start <= rows.start and rows.stop <= whole.stop


def _normed_product(product: Product, norms: Sequence[Norm]) -> Product:
    left, right = (tuple(_normed(f, norms) for f in side) for side in (product.left, product.right))
    return replace(product, left=left, right=right)


def _normed_output(output: Output, norms: Sequence[Norm]) -> Output:
    return replace(
        output, terms=tuple((block, _normed(value, norms)) for block, value in output.terms)
    )


def _size(product: Product, values: Values) -> int:
    return len(product.left[0].weight.of(values))


def _names(products: Sequence[Product]) -> set[str]:
    return {f.weight.name for p in products for f in (*p.left, *p.right)}


def _touches(units: Units, names: set[str]) -> bool:
    reads = any(reader.name in names for reader in units.readers)
    return reads and any(w.name in names for w, _ in units.makers)
