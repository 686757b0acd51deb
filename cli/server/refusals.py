"""Errors of the toolkit as the protocol's: code, HTTP status, message. None names a file or folder of this machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from motionmcp.errors import ProtocolError

from concepts import ConceptError
from inversion.errors import InversionError
from lead.errors import LeadError
from lead.motion.errors import MotionError


@contextmanager
def report_refusals(code: str = "invalid_request") -> Iterator[None]:
    """Within the block, an error whose message is for the user becomes a `ProtocolError` of this code."""
    try:
        yield
    except (ConceptError, InversionError, LeadError, MotionError) as error:
        raise ProtocolError(code, str(error)) from None
