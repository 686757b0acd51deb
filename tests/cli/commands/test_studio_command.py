"""`lead-invert studio`: what stops it before it starts, its address, its end by Ctrl-C."""

import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from commands import fails, forget_package

pytest.importorskip("nicegui")


def test_a_port_that_is_taken_is_named(run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        fails(run("studio", "--no-open", "--port", port), f"cannot listen on 127.0.0.1 port {port}", "--port 0")


def test_other_machines_need_a_key_that_is_stated(run) -> None:
    fails(run("studio", "--no-open", "--host", "0.0.0.0"), "lets other machines in", "--key-file")


def test_without_its_packages_the_extra_is_named(run, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_package(monkeypatch, "studio")
    monkeypatch.setitem(sys.modules, "nicegui", None)
    fails(run("studio", "--no-open"), 'pip install "lead-invert[studio]"')


def test_it_says_its_address_without_a_browser_and_ends_by_ctrl_c(base_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER", "false")  # a program that shows nothing
    program = [sys.executable, "-m", "cli.invert", "studio", "--base", str(base_path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        assert running.stdout is not None
        said = running.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/", said)
        assert found and "token=" in said, said
        assert "no browser was found" in running.stdout.readline()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(found[0], timeout=10)
        running.send_signal(signal.SIGINT)
        assert running.stdout.read().splitlines()[-1:] == ["ended"]
        assert running.wait(timeout=10) == 0
