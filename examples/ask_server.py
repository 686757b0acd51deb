"""Asks a running `lead-invert serve` for motions by its JSON API; needs `pip install requests` and nothing else.

    lead-invert serve                                                           # in one shell
    python examples/ask_server.py "a person waves"                              # in another: a-person-waves-seed7.bvh
    python examples/ask_server.py "a person walks in <elderly> style" --rig my-character.bvh
    python examples/ask_server.py --list

With --key the key of a server on another machine is sent. A server that is busy is asked again.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import requests

TRIES = 5


def ask(url: str, path: str, key: str | None, body: dict[str, object] | None = None) -> requests.Response:
    """An answer; the program ends with the server's own message where there is none."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    for attempt in range(TRIES):
        try:
            if body is None:
                answer = requests.get(url + path, headers=headers, timeout=10)
            else:
                answer = requests.post(url + path, json=body, headers=headers, timeout=300)
        except requests.ConnectionError:
            sys.exit(f"no server at {url}; start one with `lead-invert serve`")
        if answer.status_code == 503 and attempt + 1 < TRIES:  # its queue is full
            time.sleep(float(answer.headers.get("Retry-After", 2)))
            continue
        if answer.ok:
            return answer
        sys.exit(f"the server refused: {answer.json()['error']['message']}")
    raise AssertionError("every attempt ends above")


def main() -> None:
    """Parse the command line, ask, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prompt", nargs="?", help="what the person does")
    parser.add_argument("--list", action="store_true", help="list the words that prompts may name")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--seed", type=int, help="same seed, same motion")
    parser.add_argument("--format", default="bvh")
    parser.add_argument("--rig", type=Path, help="a BVH file: the motion is written on its skeleton")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--key")
    options = parser.parse_args()
    if options.list:
        for concept in ask(options.url, "/v1/concepts", options.key).json()["concepts"]:
            print(concept["token"], concept["kind"])
        return
    if options.prompt is None:
        parser.error("give a prompt, or --list")
    body = {"prompt": options.prompt, "seconds": options.seconds, "format": options.format}
    if options.seed is not None:
        body["seed"] = options.seed
    if options.rig is not None:
        body["rig"] = options.rig.read_text()
    answer = ask(options.url, "/v1/generate", options.key, body)
    name = answer.headers["Content-Disposition"].partition('filename="')[2].rstrip('"')
    Path(Path(name).name).write_bytes(answer.content)
    print(f"{name} (seed {answer.headers['X-Seed']})")
    for note in json.loads(answer.headers["X-Notes"]):
        print(f"note: {note}")


if __name__ == "__main__":
    main()
