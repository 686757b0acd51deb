"""Run as a program: opens every file of a folder as from a stranger, within 100 MB more than it starts with.

Prints by file name the message that refuses it and the number of the check that it failed, and as "peak" by how many
bytes memory grew at most. Anything but a ConceptError ends it with a traceback.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from concepts import Concept, ConceptError, verify, verify_base

LIMIT = 100_000_000


def limit_memory() -> int:
    """Holds the process to LIMIT bytes of address space more, where the system can; returns its peak memory."""
    import resource

    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + LIMIT
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    return measure_peak()


def measure_peak() -> int:
    """The most bytes of memory so far; of Linux's two figures the one that does not count the parent's before exec."""
    import resource

    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def check_refusal(path: Path, honest: Concept) -> dict:
    started, message = time.monotonic(), ""
    checks = verify(path)
    try:
        concept = Concept.load(path)
    except ConceptError as error:
        message = str(error)
    else:
        cond = np.array(honest.tensors["probe.cond"])
        checks += verify_base(concept, honest.fingerprints, honest.base, lambda: cond)
    failed = [check for check in checks if check.result == "failed"]
    assert message in ("", f"{path}: {failed[0].said}"), f"loading says {message}, verifying {failed}"
    numbers = [check.number for check in failed]
    return {"said": failed[0].said if failed else "", "checks": numbers, "seconds": time.monotonic() - started}


if __name__ == "__main__":
    folder, reference = Path(sys.argv[1]), Concept.load(sys.argv[2])
    start = limit_memory()
    answers = {path.stem: check_refusal(path, reference) for path in sorted(folder.iterdir())}
    print(json.dumps(answers | {"peak": measure_peak() - start}))
