"""Read the checkpoint files named on stdin, each in a process of its own, and say what it took.

Every line of input is a path, every line of output an object: bytes of memory at the peak, how the
process ended, how it went.
"""

import json
import os
import resource
import sys
import warnings
from pathlib import Path

from landscape.checkpoint.errors import CheckpointError
from landscape.checkpoint.inspection import inspect_checkpoint
from landscape.checkpoint.load import load_checkpoint

ALLOWED = 200_000_000  # bytes, beside four times the file


def size_of(path):
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(file.stat().st_size for file in files)


def read(path, answer):
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    # Beyond this nothing can be had, whether it would be written to or not.
    limit = pages * resource.getpagesize() + 4 * size_of(path) + ALLOWED
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    went = []
    for call in (inspect_checkpoint, load_checkpoint):
        try:
            call(path)
            went.append("read")
        except CheckpointError as error:
            went.append(str(error))
            break  # loading begins with what inspection does
    os.write(answer, json.dumps(went).encode())


def main():
    warnings.simplefilter("error")
    for line in sys.stdin:
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                read(Path(line.rstrip("\n")), theirs)
            except BaseException as error:  # told by its name, since the process ends here
                os.write(theirs, json.dumps([repr(error)]).encode())
                os._exit(1)
            os._exit(0)
        os.close(theirs)
        with open(ours, "rb") as pipe:
            went = json.loads(pipe.read() or b"[]")
        _, status, used = os.wait4(child, 0)
        record = {"peak": used.ru_maxrss * 1024, "status": status, "went": went}
        print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
