"""Damage that tests of several readers share."""


def break_name_encoding(archive: bytes) -> bytes:
    """A ZIP archive whose first member's own header says that its name is UTF-8, which it is not."""
    return archive[:7] + b"\x08" + archive[8:30] + b"\xcc" + archive[31:]
