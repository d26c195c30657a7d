import resource
import subprocess
import sys

import pytest

COUNT_FAULTS = """
import ctypes, resource, sys
from landscape.allocator import keep_freed_memory

if sys.argv[1] == "keep" and not keep_freed_memory():
    sys.exit("not glibc")
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]

def use():
    block = libc.malloc(2**26)
    ctypes.memset(block, 1, 2**26)
    libc.free(block)

use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_memory_freed_is_not_cleared_again():
    counts = {}
    for mode in ("keep", "default"):
        done = subprocess.run(
            [sys.executable, "-c", COUNT_FAULTS, mode], capture_output=True, text=True, check=False
        )
        if "not glibc" in done.stderr:
            pytest.skip("another C library")
        counts[mode] = int(done.stdout)
    pages = 10 * 2**26 // resource.getpagesize()
    assert counts["keep"] < 0.1 * pages
    assert counts["keep"] < counts["default"]
