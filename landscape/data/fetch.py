"""Download Fashion-MNIST: only when asked, resumed where it stopped, checked by size and digest.

The digests are of the files at the data set's home, whose MD5 sums its README states.
"""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from landscape.files import ensure_writable, sha256_of_file

FASHION_MNIST_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"

_CHUNK = 1 << 18
_TIMEOUT_SECONDS = 30

Progress = Callable[[str, int, int], None]  # name, bytes done, bytes in all


class RemoteFile(NamedTuple):
    """A file to download, known beforehand."""

    name: str
    size: int  # bytes
    sha256: str


FASHION_MNIST_FILES = (
    RemoteFile(
        "train-images-idx3-ubyte.gz",
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    RemoteFile(
        "train-labels-idx1-ubyte.gz",
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    RemoteFile(
        "t10k-images-idx3-ubyte.gz",
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    RemoteFile(
        "t10k-labels-idx1-ubyte.gz",
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)


class FetchError(OSError):
    """A download that failed, in words: what, why and what to do."""


def fetch(
    files: tuple[RemoteFile, ...], base_url: str, folder: Path, progress: Progress
) -> list[Path]:
    """Download ``files`` from ``base_url`` into ``folder``; sound ones already there are kept.

    A partial download stays as ``NAME.part`` and is resumed by the next call.

    Raises
    ------
    FetchError
        The server cannot be reached or what it sent is not the file expected.
    """
    if not base_url.startswith(("http://", "https://")):
        raise ValueError(f"the URL must begin with http:// or https://; got {base_url!r}.")
    ensure_writable(folder)
    return [_fetch_one(file, base_url.rstrip("/"), folder, progress) for file in files]


def _fetch_one(file: RemoteFile, base_url: str, folder: Path, progress: Progress) -> Path:
    target, part = folder / file.name, folder / f"{file.name}.part"
    if target.is_file() and _is_sound(target, file):
        progress(file.name, file.size, file.size)
        return target
    if part.is_file() and part.stat().st_size > file.size:
        part.unlink()
    url = f"{base_url}/{file.name}"
    if not part.is_file() or part.stat().st_size < file.size:
        try:
            _download(url, part, file, progress)
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            kept = part.stat().st_size if part.exists() else 0
            raise FetchError(
                f"cannot download {url}: {getattr(error, 'reason', None) or error}. {kept:,} of "
                f"{file.size:,} bytes are kept; run the same command again to go on, or name "
                "another server with --url."
            ) from error
    if not _is_sound(part, file):
        got, digest = part.stat().st_size, sha256_of_file(part)
        part.unlink()
        raise FetchError(
            f"{url} is not the file expected: {got:,} bytes with SHA-256 {digest}, expected "
            f"{file.size:,} bytes with {file.sha256}. It was deleted; name another server with "
            "--url."
        )
    part.replace(target)
    return target


def _download(url: str, part: Path, file: RemoteFile, progress: Progress) -> None:
    done = part.stat().st_size if part.is_file() else 0
    headers = {"Range": f"bytes={done}-"} if done else {}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
        if response.status != 206:  # the server does not resume: this is the whole file
            done = 0
        with part.open("ab" if done else "wb") as out:
            # One byte past the size is enough to know that this is another file.
            while done <= file.size and (chunk := response.read(_CHUNK)):
                out.write(chunk)
                done += len(chunk)
                progress(file.name, min(done, file.size), file.size)
    if done < file.size:
        raise FetchError(f"the connection ended after {done:,} of {file.size:,} bytes")


def _is_sound(path: Path, file: RemoteFile) -> bool:
    return path.stat().st_size == file.size and sha256_of_file(path) == file.sha256
