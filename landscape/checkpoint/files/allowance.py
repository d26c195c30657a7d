"""How much a pickle may make of its bytes before it is refused."""

from landscape.checkpoint.files.outline import MAX_TENSORS, OutlineError

# Bytes that one instruction can take, its share of lists that grow and of the check of depth
# included: one byte of a pickle can make a dictionary. Measured; upper bounds.
_COSTS = {
    **dict.fromkeys(("EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET", "MARK", "TUPLE", "FROZENSET"), 300),
    **dict.fromkeys(
        ("TUPLE1", "TUPLE2", "TUPLE3", "REDUCE", "NEWOBJ", "NEWOBJ_EX", "SETITEM", "APPEND"), 300
    ),
    **dict.fromkeys(("GLOBAL", "STACK_GLOBAL", "BINPERSID"), 400),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE"), 100),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT", "MEMOIZE"), 150),
}
_COST = 60


class Allowance:
    """How much memory outlines of one file may take: enough for any weights, in bytes."""

    def __init__(self, size: int) -> None:
        self.left = 140_000_000 + 2 * size
        self.tensors = MAX_TENSORS
        self.bytes = size

    def take(self, instruction: str) -> None:
        """Count an instruction of a pickle.

        Raises
        ------
        OutlineError
            If there have been too many.
        """
        self.left -= _COSTS.get(instruction, _COST)
        if self.left < 0:
            raise OutlineError("its pickle has more instructions than weights need")

    def take_tensor(self) -> None:
        """Count a tensor.

        Raises
        ------
        OutlineError
            If there have been too many.
        """
        self.tensors -= 1
        if self.tensors < 0:
            raise OutlineError(f"it describes more than {MAX_TENSORS} tensors")

    def take_bytes(self, count: int) -> None:
        """Count bytes of arrays, which lie in the pickle, some of them perhaps in several arrays.

        Raises
        ------
        OutlineError
            If they have become more than the pickle has.
        """
        self.bytes -= count
        if self.bytes < 0:
            raise OutlineError("its NumPy arrays have more bytes than its pickle")
