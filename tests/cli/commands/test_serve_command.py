"""`lead-invert serve`: what stops it before it starts, and its end by Ctrl-C."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from commands import fails, forget_package

from concepts import Concept
from lead import Lead


def test_a_port_that_is_taken_is_named(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        fails(run("serve", "--port", port), f"cannot listen on 127.0.0.1 port {port}", "--port 0")


def test_an_address_of_another_machine_is_named(run):
    fails(run("serve", "--host", "192.0.2.1"), "cannot listen on 192.0.2.1")


def test_a_name_that_cannot_be_one_is_told_in_few_letters(run):
    result = run("serve", "--host", "h" * 3000)
    fails(result, "cannot listen on", "no name of a host")
    assert len(result.stderr) < 600


@pytest.mark.parametrize(
    "content", [b"", b"short", "a key with umlauts äöü".encode(), b"two words of a long key", b"x" * 9999]
)
def test_a_bad_key_file_is_named(run, content, tmp_path: Path):
    (tmp_path / "key").write_bytes(content)
    fails(run("serve", "--key-file", tmp_path / "key"), "expected one line of 16 to 4096 ASCII letters")


def test_without_its_packages_the_extra_is_named(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "motionmcp", None)
    forget_package(monkeypatch, "server")
    fails(run("serve", "--port", 0), 'pip install "lead-invert[serve]"')


def test_serves_until_ctrl_c(tiny_base: Lead, base_path: Path, tmp_path: Path):
    vectors = np.ones((1, tiny_base.text.d_token), np.float32)
    parts, name = tiny_base.fingerprints, tiny_base.name
    concept = Concept(token="<limp>", token_embedding=vectors, kind="style", base=name, fingerprints=parts)
    word = concept.save(tmp_path / "limp.safetensors")
    command = [sys.executable, "-m", "cli.invert", "serve", "--port", "0", "--base", str(base_path),
               "--concept", str(word)]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)
    assert process.stdout
    try:
        line = process.stdout.readline()
        url = line.split()[2]
        with urllib.request.urlopen(f"{url}/v1/concepts", timeout=30) as answer:
            assert [one["token"] for one in json.loads(answer.read())["concepts"]] == ["<limp>"]
        process.send_signal(signal.SIGINT)
        out, log = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, out.strip()) == (0, "ended; motions for 0 requests")
    assert "GET /v1/concepts 200" in log
    assert "Traceback" not in log
