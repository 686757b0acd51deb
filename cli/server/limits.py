"""What one request may ask for, and what the server holds at once. All memory is bounded by these numbers."""

from dataclasses import dataclass

MAX_BODY_BYTES = 4 << 20
"""Of one request; a rig as BVH text or a reference clip is the largest part."""
MAX_BYTES_IN_FLIGHT = 32 << 20
"""Of all requests that are being read or answered."""
MAX_JSON_VALUES = 1 << 19
"""In a body; each takes far more memory and time than its text."""
BODY_SECONDS = 20.0
"""In which the head of a request has to arrive, and then its body."""
IDLE_SECONDS = 60
"""In which a client has to take its answer; also how long a connection is kept for its next request."""
MAX_SECONDS = 30.0
"""Of a motion, all its segments together."""
MAX_SAMPLES = 8
"""Motions of one request."""
MAX_BATCH = 8
"""Requests in one body."""
MAX_PIECES = 64
"""Stretches of motion that one request makes: its segments, times its samples."""
MAX_CONSTRAINTS = 64
"""Of one request, of each kind."""
MAX_STEERED_SECONDS = 30.0
"""Of motion with constraints, all samples of a request together; it takes a core 1 to 4 s a second."""
MAX_PROMPT = 1000
"""Letters."""
MAX_TOKENS = 8
"""Learned words in a prompt."""
MAX_STEPS = 200
"""Of sampling."""
MAX_GUIDANCE = 30.0
MAX_JOINTS = 512
"""Of a client's skeleton."""
MAX_POSES = 1 << 19
"""Joints times frames times samples of one answer."""
MAX_REFERENCE_FRAMES = 1200
"""Of a clip that stands in place of a prompt."""
FPS = (1.0, 240.0)
"""Frames a second that a request may ask for."""
CONNECTIONS = 200
"""Open at once; further ones get the answer 503."""


@dataclass(frozen=True)
class QueueLimits:
    """What waits, and for how long."""

    waiting: int = 64
    """Requests that wait beside those that are worked on; a further one is refused."""
    seconds: float = 120.0
    """From a request's arrival to its answer; then it is given up."""
