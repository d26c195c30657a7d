import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from landscape.data.fetch import FASHION_MNIST_FILES, FetchError, RemoteFile, fetch

CONTENT = bytes(range(256)) * 4096  # 1 MiB
FILE = RemoteFile("a.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


class Server(ThreadingHTTPServer):
    content = CONTENT
    honours_range = True
    stop_after = None  # bytes of the body, after which the connection is cut
    requests: list[str]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.requests.append(f"{self.path} {asked}")
        if self.path != "/base/a.gz":
            self.send_error(404)
            return
        start = 0
        if asked and self.server.honours_range:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206)
        else:
            self.send_response(200)
        body = self.server.content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.stop_after])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = Server(("127.0.0.1", 0), Handler)
    server.requests = []
    server.url = f"http://127.0.0.1:{server.server_port}/base"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def silent(name, done, size):
    assert 0 <= done <= size


def test_fetch_writes_the_file_and_keeps_it(server, tmp_path):
    (path,) = fetch((FILE,), server.url + "/", tmp_path, silent)
    assert path.read_bytes() == CONTENT
    fetch((FILE,), server.url, tmp_path, silent)
    assert server.requests == ["/base/a.gz None"]
    assert [p.name for p in tmp_path.iterdir()] == ["a.gz"]


@pytest.mark.parametrize("honours_range", [True, False])
def test_fetch_resumes(honours_range, server, tmp_path):
    server.stop_after = 300_000
    with pytest.raises(FetchError, match=r"300,000 of 1,048,576 bytes are kept; run the same"):
        fetch((FILE,), server.url, tmp_path, silent)
    server.stop_after, server.honours_range = None, honours_range
    (path,) = fetch((FILE,), server.url, tmp_path, silent)
    assert path.read_bytes() == CONTENT
    assert server.requests == ["/base/a.gz None", "/base/a.gz bytes=300000-"]
    assert not (tmp_path / "a.gz.part").exists()


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"?", CONTENT + b"more"])
def test_other_content_is_refused_and_deleted(content, server, tmp_path):
    server.content = content
    with pytest.raises(FetchError, match=r"is not the file expected: .* It was deleted"):
        fetch((FILE,), server.url, tmp_path, silent)
    assert list(tmp_path.iterdir()) == []


def test_an_unsound_file_already_there_is_replaced(server, tmp_path):
    (tmp_path / "a.gz").write_bytes(b"broken")
    (tmp_path / "a.gz.part").write_bytes(CONTENT + b"too long")
    (path,) = fetch((FILE,), server.url, tmp_path, silent)
    assert path.read_bytes() == CONTENT


def test_server_errors_are_one_message(server, tmp_path):
    missing = FILE._replace(name="b.gz")
    with pytest.raises(FetchError, match=r"cannot download .*/base/b.gz: Not Found. 0 of"):
        fetch((missing,), server.url, tmp_path, silent)
    with pytest.raises(FetchError, match=r"cannot download http://127.0.0.1:1/a.gz: .*refused"):
        fetch((FILE,), "http://127.0.0.1:1", tmp_path, silent)
    with pytest.raises(ValueError, match=r"must begin with http://"):
        fetch((FILE,), "file:///etc", tmp_path, silent)


def test_the_files_expected_are_the_four_of_the_data_set():
    names = {file.name for file in FASHION_MNIST_FILES}
    assert names == {
        f"{split}-{what}-ubyte.gz"
        for split in ("train", "t10k")
        for what in ("images-idx3", "labels-idx1")
    }
