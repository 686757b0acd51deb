import pytest
from hypothesis import given
from hypothesis import strategies as st

from concepts import ConceptError, check_token, clean_text, token_slug
from concepts.text import is_path, quote


@pytest.mark.parametrize("token", ["<a>", "<elderly>", "<my-walk-2>", "<0>", f"<{'a' * 63}>"])
def test_good_tokens(token):
    assert check_token(token) == token
    assert f"<{token_slug(token)}>" == token


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("elderly", 'no angle brackets: write it as "<elderly>"'),
        ("My Walk", 'no angle brackets: write it as "<my-walk>"'),
        ("<elderly", 'no angle brackets: write it as "<elderly>"'),
        ("", 'no angle brackets: write it like "<my-walk>"'),
        ("<elderly>\n", "no angle brackets"),
        ("<Elderly>", 'write it as "<elderly>"'),
        ("<élan vital>", 'write it as "<elan-vital>"'),
        ("<../../etc/passwd>", 'write it as "<etc-passwd>"'),
        ("<走る>", 'write it like "<my-walk>"'),
        ("<-a>", "not starting with a hyphen"),
        ("<>", "small letters"),
        (f"<{'a' * 64}>", "at most 63"),
        ("<a\u202eb>", r"<a\\u202eb>"),
        ("<a><b>", "small letters"),
        (None, "cannot be a word's name"),
    ],
)
def test_bad_tokens_say_how_to_write_it(token, message):
    with pytest.raises(ConceptError) as error:
        check_token(token)
    assert message.replace("\\\\", "\\") in str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain", "plain"),
        ("  two\tparts \r\n", "two parts"),
        ("\x1b[31;1mred\x1b[0m", "red"),
        ("\x9b2Jgone", "gone"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("\x1b]0;never ends", ""),
        ("\x1bcreset", "reset"),
        ("\x1b", ""),
        ("a\x00b\x7fc\x85d", "abc d"),
        ("user\u202egpj.exe\u2066\u200b\ufeff", "usergpj.exe"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("👩\u200d🔬 نمی\u200cخواهم", "👩\u200d🔬 نمی\u200cخواهم"),
        ("one\u2028two", "one two"),
    ],
)
def test_clean_text(text, clean):
    assert clean_text(text) == clean


def test_clean_text_keeps_lines_where_asked():
    assert clean_text("a\r\nb\rc\u2029d\n", lines=True) == "a\nb\nc\nd"


@given(st.text(st.characters(), max_size=80), st.booleans())
def test_cleaning_twice_changes_nothing_and_nothing_dangerous_survives(text, lines):
    clean = clean_text(text, lines)
    assert clean_text(clean, lines) == clean
    assert "\x1b" not in clean
    clean.encode()
    if not lines:
        assert "\n" not in clean


@pytest.mark.parametrize(
    "path",
    ["/home/me/a.bvh", "~/clips", "C:\\clips", "\\\\server\\x", "./a", "..", "file:///x", "clips/a.bvh"],
)
def test_paths_are_seen(path):
    assert is_path(path)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Bandai-Namco 2",
        "org/model",
        "https://example.org/a/clip.bvh",
        "a.bvh",
        "CMU 35/01",
        "10.1109/x.y",
    ],
)
def test_names_are_not_paths(name):
    assert not is_path(name)


def test_quoted_is_short_and_printable():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    for value in ("\x1b[31m" * 1000, deep, {"\u202e": 1}, list(range(10**5))):
        assert len(quote(value)) < 200
        assert quote(value).isprintable()
    while deep:  # one level at a time: letting go of all levels at once exhausts the stack on some versions
        deep = deep[0]
