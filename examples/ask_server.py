"""Asks a running `lead-invert serve` for motions by its JSON API; needs `pip install requests` and nothing else.

    lead-invert serve                                                           # in one shell
    python examples/ask_server.py "a person waves"                              # in another: a-person-waves-seed7.bvh
    python examples/ask_server.py "a person walks in <elderly> style" --rig my-character.bvh
    python examples/ask_server.py "a person walks" "a person sits down"         # one after the other
    python examples/ask_server.py "a person walks" --path "0,0 2,0 2,2" --start my-clip.bvh:40
    python examples/ask_server.py --list

Places are X,Z in meters; a pose is a frame of a BVH file. With --key the key of a server on another machine is sent. A
server that is busy is asked again.
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


def read_pose(text: str) -> dict[str, object]:
    """The body of a pose, of FILE.bvh:FRAME; without a frame it is the first one."""
    name, colon, frame = text.rpartition(":")
    if not colon or not frame.lstrip("-").isdigit():
        name, frame = text, "0"
    return {"clip": Path(name).read_text(), "frame": int(frame)}


def make_body(options: argparse.Namespace) -> dict[str, object]:
    """What the server is asked for."""
    body: dict[str, object] = {"format": options.format}
    if len(options.prompts) == 1:
        body |= {"prompt": options.prompts[0], "seconds": options.seconds}
    else:
        body["segments"] = [{"prompt": prompt, "seconds": options.seconds} for prompt in options.prompts]
    if options.path is not None:
        places = [[float(number) for number in place.split(",")] for place in options.path.split()]
        body["path"] = [{"x": x, "z": z} for x, z in places]
    for name in ("start", "end"):
        if getattr(options, name) is not None:
            body[name] = read_pose(getattr(options, name))
    if options.seed is not None:
        body["seed"] = options.seed
    if options.rig is not None:
        body["rig"] = options.rig.read_text()
    return body


def main() -> None:
    """Parse the command line, ask, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prompts", nargs="*", help="what the person does; several are done one after the other")
    parser.add_argument("--list", action="store_true", help="list the words that prompts may name")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each prompt")
    parser.add_argument("--path", help="places on the way, in meters, as '0,0 2,0 2,2'")
    parser.add_argument("--start", metavar="FILE.bvh:FRAME", help="the first pose")
    parser.add_argument("--end", metavar="FILE.bvh:FRAME", help="the last pose")
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
    if not options.prompts:
        parser.error("give a prompt, or --list")
    answer = ask(options.url, "/v1/generate", options.key, make_body(options))
    name = answer.headers["Content-Disposition"].partition('filename="')[2].rstrip('"')
    Path(Path(name).name).write_bytes(answer.content)
    print(f"{name} (seed {answer.headers['X-Seed']})")
    for note in json.loads(answer.headers["X-Notes"]):
        print(f"note: {note}")


if __name__ == "__main__":
    main()
