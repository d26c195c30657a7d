import socket

import pytest


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refused(*_):
        raise AssertionError("something asked the network")

    monkeypatch.setattr(socket.socket, "connect", refused)
