"""Files made to take memory, by kind: each is small, or large in one way, and of no use else."""

import io
import json
import struct
import zipfile
import zlib

import safetensors.torch
import torch

WEIGHTS = {"w": torch.ones(2, 3)}


class Payload:
    """Unpickled without restrictions, it runs ``function(*arguments)``."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def saved(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def around(pickle, source=None):
    """An archive by torch.save, whole, with another pickle in it."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(source or saved(WEIGHTS))) as old,
        zipfile.ZipFile(buffer, "w") as new,
    ):
        for name in old.namelist():
            new.writestr(name, pickle if name.endswith("data.pkl") else old.read(name))
    return buffer.getvalue()


def text(words):
    data = words.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def beside_weights(extra):
    """The pickle of WEIGHTS with one more entry, which ``extra`` puts on the stack."""
    with zipfile.ZipFile(io.BytesIO(saved(WEIGHTS))) as archive:
        pickle = archive.read("archive/data.pkl")
    return around(pickle.removesuffix(b".") + text("more") + extra + b"s.")


def numpy_scalar(code, state=b""):
    dtype = b"cnumpy\ndtype\n(" + text(code) + b"\x89\x88tR" + state
    return b"cnumpy._core.multiarray\nscalar\n(" + dtype + text("x") + b"tR"


def local_header(name, data):
    sizes = struct.pack("<LLL", zlib.crc32(data), len(data), len(data))
    return b"PK\3\4" + bytes(10) + sizes + struct.pack("<HH", len(name), 0) + name + data


def central_header(name, data, offset):
    sizes = struct.pack("<LLL", zlib.crc32(data), len(data), len(data))
    fields = struct.pack("<HHHHHLL", len(name), 0, 0, 0, 0, 0, offset)
    return b"PK\1\2" + bytes(12) + sizes + fields + name


def end64(count, size, offset):
    return struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)


def entries_of(value):
    with zipfile.ZipFile(io.BytesIO(saved(value))) as archive:
        return [(name.encode(), archive.read(name)) for name in archive.namelist()]


def two_tables(near, named):
    """An archive whose end names the table of ``named``; just before it stands that of ``near``."""
    body, tables = b"", []
    for entries in (near, named):
        table = b""
        for name, data in entries:
            table += central_header(name, data, len(body))
            body += local_header(name, data)
        tables.append((table, len(entries)))
    (near_table, num_near), (named_table, num_named) = tables
    place = len(body)
    body += named_table
    record = len(body)
    body += end64(num_named, len(named_table), place)
    place = len(body)
    body += near_table + end64(num_near, len(near_table), place)
    body += struct.pack("<4sLQL", b"PK\6\7", 0, record, 1)
    return body + struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)


def bytearray_of(size):
    return b"cbuiltins\nbytearray\n\x8a\5" + size.to_bytes(5, "little") + b"\x85R"


def numpy_dtype(order, flags, copies=b"\x88"):
    state = text(order) + b"NNN" + b"J\xff\xff\xff\xff" * 2 + b"K" + bytes([flags])
    return b"cnumpy\ndtype\n(" + text("f8") + b"\x89" + copies + b"tR(K\3" + state + b"tb"


def with_pickle(pickle):
    return [(n, pickle if n.endswith(b"data.pkl") else d) for n, d in entries_of(WEIGHTS)]


def many_entries(count):
    """An archive of so many empty entries, in as few bytes as they take."""
    body = local_header(b"a/data.pkl", b"\x80\2}.")
    table = central_header(b"a/data.pkl", b"\x80\2}.", 0)
    empty = local_header(b"a/00000", b"")
    table += b"".join(
        central_header(b"a/%05x" % i, b"", len(body) + i * len(empty)) for i in range(count)
    )
    body += b"".join(local_header(b"a/%05x" % i, b"") for i in range(count))
    end = end64(count + 1, len(table), len(body))
    end += struct.pack("<4sLQL", b"PK\6\7", 0, len(body) + len(table), 1)
    end += struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)
    return body + table + end


def header_of(text_of_header):
    return struct.pack("<Q", len(text_of_header)) + text_of_header


def tensors_in_a_header(count, shape="[0]"):
    entry = '"%x":{"dtype":"F32","shape":' + shape + ',"data_offsets":[0,0]}'
    return header_of(("{" + ",".join(entry % i for i in range(count)) + "}").encode())


def numbered(count, value):
    """Instructions that fill a dictionary: ``value`` under so many different keys."""
    return b"(" + b"".join(b"J" + struct.pack("<i", i) + value for i in range(count)) + b"u"


def named_tensors(count):
    """A state dict whose tensors are one call with one tuple of arguments, both from the memo."""
    storage = text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\6"
    function = text("f") + b"ctorch._utils\n_rebuild_tensor_v2\nq\0"
    arguments = text("a") + b"((" + storage + b"tQK\0K\1\x85K\1\x85\x89}tq\1"
    tensors = b"".join(text(f"{i:x}") + b"h\0h\1R" for i in range(count))
    return b"\x80\2}(" + function + arguments + tensors + b"u."


def numpy_arrays(count, size):
    """So many arrays that name one text of ``size`` bytes as theirs."""
    latin1 = lambda words: b"c_codecs\nencode\n(" + text(words) + text("latin1") + b"tR"  # noqa: E731
    function = b"cnumpy._core.multiarray\n_reconstruct\nq\0"
    arguments = b"(cnumpy\nndarray\nK\0\x85" + latin1("b") + b"tq\1"
    dtype = b"cnumpy\ndtype\n(" + text("u1") + b"\x89\x88tR"
    shape = b"J" + struct.pack("<i", size) + b"\x85"
    state = b"(K\1" + shape + dtype + b"\x89" + latin1("x" * size) + b"tq\2"
    return b"\x80\2](" + function + arguments + state + b"h\0h\1Rh\2b" * count + b"e."


MANY = 400_000  # a little less than is allowed, of what costs most
HOSTILE = {
    "two tables: other weights": lambda: two_tables(
        entries_of({"w": torch.zeros(2, 3)}), entries_of({"w": torch.full((2, 3), 666.0)})
    ),
    "two tables: bytearray(3e9)": lambda: two_tables(
        entries_of(WEIGHTS), with_pickle(b"\x80\2" + bytearray_of(3 * 10**9) + b".")
    ),
    "two tables: deep key": lambda: two_tables(
        entries_of(WEIGHTS), with_pickle(b"\x80\2})" + b"\x85" * 2_000_000 + b"Ns.")
    ),
    "two tables: expanded": lambda: two_tables(
        entries_of(WEIGHTS), entries_of({"w": torch.zeros(1).expand(10, 200_000_000)})
    ),
    "expanded": lambda: saved({"w": torch.zeros(1).expand(10, 200_000_000)}),
    "a gigabyte a number": lambda: beside_weights(b"](" + numpy_scalar("V1000000000") * 3 + b"e"),
    "a struct with an object": lambda: beside_weights(numpy_scalar("f8,O")),
    "an object": lambda: beside_weights(numpy_scalar("O")),
    "a long text": lambda: beside_weights(numpy_scalar("S1000000000")),
    "NumPy's own dtype changed": lambda: beside_weights(numpy_dtype(">", 0, copies=b"\x89")),
    "a dtype with flags": lambda: beside_weights(numpy_dtype("<", 63)),
    "bytearray(3e9)": lambda: beside_weights(bytearray_of(3 * 10**9)),
    "an odd codec": lambda: beside_weights(
        b"c_codecs\nencode\n(" + text("x") + text("zlib_codec") + b"tR"
    ),
    "a deep key": lambda: beside_weights(b"})" + b"\x85" * 400_000 + b"Ns"),
    "lists": lambda: around(b"\x80\2](" + b"]" * MANY + b"e."),
    "more lists than can be": lambda: beside_weights(b"](" + b"]" * 600_000 + b"e"),
    "dictionaries": lambda: around(b"\x80\2](" + b"}" * MANY + b"e."),
    "sets": lambda: around(b"\x80\4](" + b"\x8f" * MANY + b"e."),
    "tuples": lambda: around(b"\x80\2](" + b"N\x85" * MANY + b"e."),
    "marks": lambda: around(b"\x80\2" + b"(" * MANY + b"."),
    "a memo": lambda: around(b"\x80\4}" + b"\x94" * 2 * MANY + b"."),
    "names": lambda: around(b"\x80\2](" + b"".join(b"cA\n%x\n" % i for i in range(MANY)) + b"e."),
    "calls": lambda: around(b"\x80\2](ccollections\nCounter\nq\0" + b"h\0)R" * MANY + b"e."),
    "small dictionaries": lambda: around(b"\x80\2](" + b"}K\1Ns" * MANY + b"e."),
    "an entry a number": lambda: around(
        b"\x80\2}" + text("w") + b"}" + numbered(2 * MANY, b"N") + b"s."
    ),
    "numbers beside weights": lambda: beside_weights(b"](" + b"G@\0\0\0\0\0\0\1" * 2 * MANY + b"e"),
    "wide text": lambda: beside_weights(text("x" * 2_000_000 + "\U0001f600")),
    "wide characters": lambda: around(
        b"\x80\4](" + b"\x8c\4\xf0\x9f\x98\x80" * 1_700_000 + b"e."
    ),
    "tensors": lambda: around(named_tensors(120_000)),
    "tensors, as many as can be": lambda: around(named_tensors(60_000)),
    "arrays of one text": lambda: around(numpy_arrays(100_000, 1_000_000)),
    "doubled lists": lambda: around(
        b"\x80\2]q\0" + b"".join(b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(60)) + b"."
    ),
    "keys of one hash": lambda: around(
        b"\x80\2}("
        + b"".join(b"\x8a\x0b" + (i * (2**61 - 1)).to_bytes(11, "little") for i in range(2**18))
        + b"u."
    ),
    "a prefix a million times": lambda: saved({"module." * 1_000_000 + "w": torch.ones(2)}),
    "a wrapper in many ways": lambda: around(
        b"\x80\2}q\0"
        + b"".join(
            b"}q%c(" % i + b"".join(text(f"{k:x}") + b"h%c" % (i - 1) for k in range(1000)) + b"u"
            for i in range(1, 6)
        )
        + b"."
    ),
    "a key of doubled lists": lambda: saved({}, _use_new_zipfile_serialization=False).removesuffix(
        b"\x80\2]q\0."
    )
    + b"\x80\2]cA\nb\nq\0](NN\x86q\1" + b"".join(b"h\1h\1\x86q\1" for _ in range(200)) + b"\x85e.",
    "a call of doubled lists as key": lambda: beside_weights(
        b"}cargparse\nNamespace\n(]q\7"
        + b"".join(b"](h\7h\7eq\7" for _ in range(60))
        + b"tRNs"
    ),
    "a call of doubled lists beside names": lambda: around(
        b"\x80\2}cargparse\nNamespace\n(]q\7"
        + b"".join(b"](h\7h\7eq\7" for _ in range(60))
        + b"tRNs."
    ),
    "modules by name": lambda: beside_weights(b"](ctorch\n_inductor\nctorch\n_dynamo\ne"),
    "entries": lambda: many_entries(50_000),
    "too many entries": lambda: many_entries(220_000),
    "a header of tensors": lambda: tensors_in_a_header(1_400_000),
    "tensors in a header, as many as can be": lambda: tensors_in_a_header(99_000),
    "axes in a header": lambda: tensors_in_a_header(1, str([0] * 2_000_000)),
    "lists in a header": lambda: header_of(b'{"a":' + b"[" * 3_000_000 + b"}"),
    "an index of lists": lambda: b'{"weight_map":[' + b"[]," * 3_000_000 + b"[]]}",
    "an index of names": lambda: json.dumps(
        {"weight_map": {str(i): "a.safetensors" for i in range(MANY)}}
    ).encode(),
    "metadata": lambda: safetensors.torch.save(
        WEIGHTS,
        metadata={
            "landscape.sidecar": json.dumps({"schema_version": 1, "training": [[]] * 3_000_000})
        },
    ),
    "legacy lists": lambda: saved(WEIGHTS, _use_new_zipfile_serialization=False).replace(
        b"\x80\2}q\0(", b"\x80\2](" + b"]" * MANY + b"e.", 1
    ),
    "a bare pickle": lambda: b"\x80\2](" + b"}" * MANY + b"e.",
}  # fmt: skip
