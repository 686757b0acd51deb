"""The server under load and under random requests.

    python -m benchmarks.server.load load [--clients 20] [--requests 200] [--api mmcp]
    python -m benchmarks.server.load fuzz [--requests 1000] [--seed 0]

`load` asks a server for motions with many clients at once, and makes the same motions with the bare library. No request
may be lost. `fuzz` sends damaged and random requests. It fails for a traceback, a request without an answer (status 0),
an answer with status 500, a file that is opened outside of the temporary folder and the library, and for memory that
grows beyond GROWTH. Both start a server of their own, with an empty library, and end it by Ctrl-C.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cli.console import print_table
from lead.motion.formats.bvh import format_bvh
from lead.motion.rigs.retarget import motion_to_bvh
from lead.motion.skeleton import tpose

GROWTH = 300
"""MiB that the server's memory may grow by while it is fuzzed."""
PROMPTS = ("a person walks forward", "a person sits down", "a person waves with the right hand", "a person kicks",
           "a person turns around", "a person jumps", "a person does jumping jacks", "a person crawls")  # fmt: skip
_START = """
import sys
names = open(sys.argv.pop(1), "a")
def note(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        names.write(repr((str(arguments[0]), str(arguments[1]))) + "\\n")
        names.flush()
sys.addaudithook(note)
from cli.invert import main
main()
"""
"""Runs `lead-invert` and writes down each file that it opens."""
_QUICK = """
import lead.control.constrained_sampling as steered
steered.STEERED_STEPS, steered.REFINED_STEPS = 2, 4
"""
"""Makes constraints cheap, and motions bad, where only the server is looked at."""


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    process: subprocess.Popen[str]
    folder: Path
    """Its working, temporary and home folder, with `opened`, the files that it opened, and `log`."""

    def memory(self, kind: str = "VmRSS") -> float:
        """MiB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{kind}:\s+(\d+) kB", text)
        return int(found[1]) / 1024 if found else float("nan")

    def opened(self) -> set[str]:
        """The files that were opened so far."""
        return set((self.folder / "opened").read_text().splitlines())


@contextmanager
def running_server(*options: str, quick: bool = False) -> Iterator[Server]:
    """A server on a free port; it has to end within ten seconds of Ctrl-C, with exit code 0."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in ("here", "tmp", "library"):
            (folder / name).mkdir()
        environment = {**os.environ, "TMPDIR": str(folder / "tmp"), "LEAD_CONCEPTS": str(folder / "library"),
                       "HOME": place, "PYTHONPATH": str(Path(__file__).parents[2])}  # fmt: skip
        with (folder / "log").open("w") as log:
            start = _QUICK + _START if quick else _START
            process = subprocess.Popen(
                [sys.executable, "-c", start, str(folder / "opened"), "serve", "--port", "0", *options],
                cwd=folder / "here", env=environment, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found, (folder / "log").read_text()
            server = Server(found[0].rstrip(","), process, folder)
            _wait_until_up(server.url)
            try:
                yield server
            finally:
                process.send_signal(signal.SIGINT)
                try:
                    rest, _ = process.communicate(timeout=10)
                    print(f"Ctrl-C: exit code {process.returncode}, {rest.strip()!r}")
                except subprocess.TimeoutExpired:
                    process.kill()
                    print("Ctrl-C: NOT ended within 10 s")


def _wait_until_up(url: str) -> None:
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).read()
            return
        except OSError:
            time.sleep(0.1)


def post(url: str, body: bytes, headers: dict[str, str] | None = None, timeout: float = 300.0) -> tuple[int, bytes]:
    """The status and the body of an answer; 0 where there was none."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (OSError, ValueError, urllib.error.URLError) as error:
        return 0, str(error).encode()


def make_request(api: str, model: dict[str, Any], number: int) -> tuple[str, dict[str, Any]]:
    """The path and body of a request for four seconds of motion."""
    prompt = PROMPTS[number % len(PROMPTS)]
    if api == "json":
        return "/v1/generate", {"prompt": prompt, "seconds": 4.0, "seed": number}
    body = {
        "protocol_version": "1.0",
        "model": model["id"],
        "skeleton": model["canonical_skeleton"],
        "segments": [{"type": "text", "prompt": prompt, "duration_frames": 120}],
        "options": {"seed": number},
    }
    return "/generate", body


def measure_load(clients: int, requests: int, api: str) -> int:
    """Throughput and latency of the server, and of the bare library."""
    with running_server() as server:
        model = json.loads(urllib.request.urlopen(f"{server.url}/capabilities").read())["models"][0]

        def ask(number: int) -> tuple[int, float]:
            path, body = make_request(api, model, number)
            started = time.monotonic()
            status, _ = post(server.url + path, json.dumps(body).encode())
            return status, time.monotonic() - started

        for number in range(8):
            ask(number)
        before = time.monotonic()
        with ThreadPoolExecutor(clients) as pool:
            answers = list(pool.map(ask, range(requests)))
        spent = time.monotonic() - before
        peak = server.memory("VmHWM")
    from lead import Lead

    base = Lead.load()
    rows: list[tuple[object, ...]] = []
    prompts = [PROMPTS[number % len(PROMPTS)] for number in range(requests)]
    base.generate(prompts[:8], seconds=4.0)
    for batch in (1, 8, 32):
        before = time.monotonic()
        for start in range(0, requests, batch):
            part = prompts[start : start + batch]
            base.generate(part, seconds=4.0, seed=list(range(start, start + len(part))), batch=batch)
        bare = time.monotonic() - before
        rows.append((f"library, {batch} at once", f"{requests / bare:.1f}", "", "", "", ""))
    times = np.array([seconds for _, seconds in answers])
    lost = sum(status != 200 for status, _ in answers)
    rows.insert(0, (f"server ({api}), {clients} clients", f"{requests / spent:.1f}", f"{np.median(times):.2f}",
                    f"{np.percentile(times, 95):.2f}", lost, f"{peak:.0f}"))  # fmt: skip
    columns = ("", "motions/s", "median s", "p95 s", "lost", "peak MiB")
    print_table(rows, columns, f"{requests} requests of 4 s")
    return int(lost > 0)


WORDS = ("", "a person walks", "<elderly>", "(<a>:9e9)", "<" * 200, "../../etc/passwd", "/etc/passwd", "file:///etc/hosts",
         "\x00", "\ud800", "🕺" * 50, "a" * 5000, "text", "root_path", "effector_target", "bvh", "npz", "1.0", "99.0",
         "HIERARCHY\nROOT a\n{\n", "nul", "<../../x>", "%2e%2e/")  # fmt: skip
NUMBERS = (
    0,
    1,
    -1,
    3,
    30,
    1e308,
    -1e308,
    1e-308,
    2**40,
    2**53,
    2**64,
    10**30,
    0.5,
    float("nan"),
    float("inf"),
    10**4000,
)


def make_random(rng: random.Random, depth: int = 0) -> Any:
    """A random JSON value."""
    kind = rng.randrange(7 if depth < 4 else 4)
    if kind < 2:
        return rng.choice(NUMBERS)
    if kind == 2:
        return rng.choice(WORDS)
    if kind == 3:
        return rng.choice((None, True, False))
    if kind == 4:
        return [make_random(rng, depth + 1) for _ in range(rng.randrange(5))]
    return {rng.choice(WORDS) or "k": make_random(rng, depth + 1) for _ in range(rng.randrange(5))}


def damage(rng: random.Random, value: Any, rate: float) -> Any:
    """The value with some of its parts replaced, left out, added or repeated."""
    if rng.random() < rate:
        return make_random(rng)
    if isinstance(value, dict):
        pairs = {key: damage(rng, one, rate) for key, one in value.items() if rng.random() > rate / 2}
        return {**pairs, rng.choice(WORDS): make_random(rng)} if rng.random() < rate / 2 else pairs
    if isinstance(value, list):
        items = [damage(rng, one, rate / 4) for one in value if rng.random() > rate / 8]
        return items * rng.randrange(1, 4) if rng.random() < rate else items
    return value


def make_templates(model: dict[str, Any]) -> list[tuple[str, Any]]:
    """Requests that the server answers, of every kind."""
    skeleton = model["canonical_skeleton"]
    names = [joint["name"] for joint in skeleton["joints"]]
    clip = {
        "type": "motion_reference",
        "duration_frames": 40,
        "fps": 20.0,
        "joint_names": names,
        "rotations": [[[0.0, 0.0, 0.0, 1.0]] * len(names)] * 24,
        "root_positions": [[0.0, 0.9, 0.0]] * 24,
    }
    text = {"type": "text", "prompt": "a person walks", "duration_frames": 40, "seed": 1}
    whole = {
        "protocol_version": "1.0",
        "model": model["id"],
        "skeleton": skeleton,
        "segments": [text, {"type": "unconditioned", "duration_frames": 30}],
        "constraints": [{"type": "root_path", "frames": [0], "positions_xz": [[1.0, 2.0]], "heading_radians": [1.0]}],
        "timing": {"fps": 30.0},
        "options": {
            "num_samples": 1,
            "seed": 3,
            "diffusion_steps": 2,
            "post_processing": True,
            "transition_frames": 5,
            "guidance": {"type": "separated", "weight": [2.0, 2.0]},
        },
    }
    options = {"diffusion_steps": 2}
    pose = {"type": "pose_keyframe", "frame": 0, "joint_rotations": {"pelvis": [0, 0, 0, 1]}, "fill_mode": "rest",
            "root_position": [0.5, 0.9, 0.0]}  # fmt: skip
    hand = {"type": "effector_target", "joint": "left_wrist", "frames": [3, 20], "positions": [[0.3, 1.2, 0.3]] * 2}
    path = {"type": "root_path", "frames": [0, 15, 29], "positions_xz": [[0, 0], [0, 0.5], [0.5, 1]],
            "heading_radians": [0, 0.3, 0.6]}  # fmt: skip
    one = {**whole, "segments": [{**text, "duration_frames": 30}]}
    rig = format_bvh(motion_to_bvh(np.repeat(tpose()[None], 2, axis=0), 20.0))
    timeline = {
        "segments": [{"prompt": "a person walks", "seconds": 1.0}, {"prompt": "a person waves", "seconds": 1.2}],
        "transition": 0.4, "steps": 2, "seed": 1,
    }  # fmt: skip
    way = [{"x": 0.0, "z": 0.0}, {"x": 0.5, "z": 1.0, "heading": 20.0, "seconds": 1.5}]
    reach = [{"joint": "left_hand", "seconds": 0.5, "position": [0.3, 1.3, 0.3]}]
    still = {"positions": tpose().tolist(), "seconds": 0.9, "joints": ["left_arm"], "place": [0.1, 0.2, 30.0]}
    plain = {"prompt": "a person waves", "seconds": 1.0, "seed": 2, "steps": 2, "format": "bvh", "fps": 30}
    return [
        ("/generate", whole),
        ("/generate", {**whole, "segments": [clip, text], "options": options}),
        ("/generate", {**one, "constraints": [pose, path]}),
        ("/generate", {**one, "constraints": [hand]}),
        ("/generate", {**whole, "segments": [text, text], "constraints": [path, pose]}),
        ("/generate", {"protocol_version": "1.0", "requests": [whole, {**whole, "options": options}]}),
        ("/v1/generate", plain),
        ("/v1/generate", {**plain, "format": "json", "guidance": 2.0}),
        ("/v1/generate", {**plain, "rig": rig}),
        ("/v1/generate", timeline),
        ("/v1/generate", {**plain, "seconds": 2.0, "path": way, "reach": reach}),
        ("/v1/generate", {**plain, "start": {"clip": rig, "frame": -1}, "keyframes": [still]}),
    ]


def make_attack(rng: random.Random, templates: list[tuple[str, Any]]) -> tuple[str, bytes, dict[str, str]]:
    """The path, body and headers of a request."""
    path, template = rng.choice(templates)
    value = make_random(rng) if rng.random() < 0.2 else damage(rng, template, rng.choice((0.0, 0.005, 0.02, 0.1)))
    body = json.dumps(value).encode()
    if rng.random() < 0.1:
        cut = rng.randrange(len(body) + 1)
        body = body[:cut] + bytes(rng.randrange(256) for _ in range(rng.randrange(9))) + body[cut + rng.randrange(9) :]
    if rng.random() < 0.02:
        body = rng.choice((b"[" * 100_000, b'{"a":' * 50_000, b"1" * 4_000_000, b" " * 5_000_000, b"\xff\xfe\x00"))
    headers = {}
    if rng.random() < 0.05:
        headers = rng.choice((
            {"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Content-Type": "text/plain"},
            {"Authorization": "Bearer x" * 500}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "127.0.0.1:99999999"},
        ))  # fmt: skip
    if rng.random() < 0.05:
        path = rng.choice(("/../../etc/passwd", "/docs-files/..%2f..%2fcore.py", "/v1/%00", "/generate/x", "/", "//x"))
    return path, body, headers


def fuzz(requests: int, seed: int) -> int:
    """Damaged and random requests, four at once; what became of them."""
    with running_server(quick=True) as server:
        model = json.loads(urllib.request.urlopen(f"{server.url}/capabilities").read())["models"][0]
        templates, rng = make_templates(model), random.Random(seed)
        for path, body in templates * 2:
            print(path, post(server.url + path, json.dumps(body).encode())[0], end="; ")
        print()
        known, before, statuses, lock = server.opened(), server.memory(), Counter[tuple[str, int]](), threading.Lock()
        lost: list[bytes] = []
        attacks = [make_attack(rng, templates) for _ in range(requests)]

        def send(attack: tuple[str, bytes, dict[str, str]]) -> None:
            status, told = post(server.url + attack[0], attack[1], attack[2])
            with lock:
                lost.extend([told] * (status == 0))
                statuses[attack[0], status] += 1

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(send, attacks))
        after, peak, log = server.memory(), server.memory("VmHWM"), (server.folder / "log").read_text()
        inside = (str(server.folder / "tmp"), str(server.folder / "library"))
        outside = {name for name in server.opened() - known if not any(place in name for place in inside)}
        outside = {name for name in outside if "/fastapi_offline/static" not in name and ".py" not in name}
        left = [str(path) for name in ("tmp", "here", "library") for path in (server.folder / name).iterdir()]
    rows = [(path, status, count) for (path, status), count in sorted(statuses.items())]
    print_table(rows, ("path", "status", "requests"), f"{requests} damaged or random requests, seed {seed}")
    failed = sum(count for (_, status), count in statuses.items() if status == 500)
    print(
        f"without an answer {lost}, tracebacks {log.count('Traceback')}, status 500 {failed}, "
        f"files opened outside {sorted(outside)}, left {left}"
    )
    print(f"memory: {before:.0f} MiB before, {after:.0f} MiB after, {peak:.0f} MiB at most")
    if "Traceback" in log:
        print(log[log.index("Traceback") :][:6000])
    return int("Traceback" in log or bool(lost) or failed > 0 or bool(outside) or bool(left) or after - before > GROWTH)


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    load = commands.add_parser("load")
    load.add_argument("--clients", type=int, default=20)
    load.add_argument("--requests", type=int, default=200)
    load.add_argument("--api", choices=("mmcp", "json"), default="mmcp")
    random_requests = commands.add_parser("fuzz")
    random_requests.add_argument("--requests", type=int, default=1000)
    random_requests.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.command == "load":
        return measure_load(options.clients, options.requests, options.api)
    return fuzz(options.requests, options.seed)


if __name__ == "__main__":
    sys.exit(main())
