"""What a pickle may name: what is read as data, what is passed over, what can run code.

Nothing is imported to find out, since that would run code already. Of the standard library the
classes that hold plain data are listed, and all else counts as able to run code. Of other packages
the spelling decides, as it does for readers: a call of ``package.function`` can do anything, a
``package.Class`` is built. Neither is done here.
"""

import sys

from landscape.checkpoint.files.arrays import RECONSTRUCT_PATHS, SCALAR_PATHS
from landscape.checkpoint.files.outline import Outline, rebuilds_tensor

# PyTorch's dtypes, layouts, memory formats and schemes of quantisation: values, which do nothing.
_TORCH_VALUES = {
    *("bool", "bcomplex32", "complex32", "complex64", "complex128", "chalf", "cfloat", "cdouble"),
    *("bfloat16", "float16", "float32", "float64", "half", "float", "double"),
    *("float4_e2m1fn_x2", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"),
    *("float8_e8m0fnu", "int8", "int16", "int32", "int64", "short", "int", "long"),
    *("uint8", "uint16", "uint32", "uint64", "quint8", "qint8", "qint32", "quint4x2", "quint2x4"),
    *(f"{kind}{n}" for kind in ("int", "uint") for n in range(1, 8)),
    *("bit", "bits8", "bits16", "bits1x8", "bits2x4", "bits4x2"),
    *("strided", "jagged", "_mkldnn", "sparse_coo"),
    *(f"sparse_{kind}" for kind in ("csr", "csc", "bsr", "bsc")),
    *("channels_last", "channels_last_3d"),
    *(f"{kind}_format" for kind in ("contiguous", "legacy_contiguous", "preserve")),
    *("per_tensor_affine", "per_tensor_symmetric", "per_channel_affine", "per_channel_symmetric"),
    "per_channel_affine_float_qparams",
}
# What files of weights and plain values are made of. Fewer than PyTorch allows by itself: a bare
# tensor or storage constructor can be asked for any size.
CALLED_PATHS = {
    "collections.OrderedDict",
    "collections.Counter",
    "collections.defaultdict",
    "builtins.set",
    "builtins.frozenset",
    "builtins.complex",
    "builtins.bytes",
    "builtins.bytearray",
    "_codecs.encode",
    "argparse.Namespace",
    "numpy.dtype",
    "torch.Size",
    "torch.device",
    "torch.serialization._get_layout",
    "torch.nn.parameter.Parameter",
    "torch._tensor._rebuild_from_type_v2",
    *SCALAR_PATHS,
    *RECONSTRUCT_PATHS,
}
# Named, as the type of an array's or dictionary's items, but not called.
_TYPES = {
    "numpy.ndarray",
    *(f"builtins.{name}" for name in ("bool", "dict", "float", "int", "list", "str", "tuple")),
    *(f"builtins.{name}" for name in ("long", "unicode")),  # int and str, in pickles up to 2
}
# Of the standard library and of NumPy: these hold data and do nothing when they are built.
_PLAIN = {
    "copyreg._reconstructor",
    "builtins.object",
    "builtins.slice",
    "builtins.range",
    "collections.deque",
    "datetime.date",
    "datetime.datetime",
    "datetime.time",
    "datetime.timedelta",
    "datetime.timezone",
    "decimal.Decimal",
    "enum.Enum",
    "fractions.Fraction",
    "functools.partial",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.PurePath",
    "pathlib.PurePosixPath",
    "pathlib.PureWindowsPath",
    "pathlib.WindowsPath",
    "types.SimpleNamespace",
    *(f"typing.{name}" for name in ("Any", "Dict", "List", "Optional", "Tuple", "Union")),
    "uuid.UUID",
    *(f"numpy.{core}.numeric._frombuffer" for core in ("_core", "core")),
    "numpy.random.bit_generator.__pyx_unpickle_SeedSequence",
    "numpy.random._pickle.__bit_generator_ctor",
    "numpy.random._pickle.__generator_ctor",
    "numpy.random._pickle.__randomstate_ctor",
}
_SYNONYMS = {"copy_reg.": "copyreg.", "pathlib._local.": "pathlib.", "__builtin__.": "builtins."}


def canonical(path: str) -> str:
    """``path`` as this version of Python would write it."""
    old = next((prefix for prefix in _SYNONYMS if path.startswith(prefix)), None)
    return path if old is None else _SYNONYMS[old] + path.removeprefix(old)


def is_known(path: str) -> bool:
    """Whether ``path`` is among what files of weights name."""
    if path in CALLED_PATHS or path in _TYPES or path.startswith("numpy.dtypes."):
        return True
    if rebuilds_tensor(path):
        return True
    module, _, name = path.rpartition(".")
    return module in ("torch", "torch.storage", "torch.cuda") and (
        name in _TORCH_VALUES or name.endswith("Storage")
    )


def can_run_code(path: str, *, called: bool = True) -> bool:
    """Whether what ``path`` names can run code of a file's choice, by itself or once called."""
    if is_known(path) or path in _PLAIN:
        return False
    package = path.partition(".")[0]
    if package in sys.stdlib_module_names or package in ("nt", "posix"):
        return True
    return called and not path.rpartition(".")[2].lstrip("_")[:1].isupper()


def running_code(contents: Outline) -> list[str]:
    """The names in ``contents`` that can run code, sorted."""
    called = {call.name for call in contents.calls}
    return sorted(n for n in contents.names if can_run_code(n, called=n in called))
