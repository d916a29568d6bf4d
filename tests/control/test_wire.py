"""A report as JSON, and back."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devrun.control.wire import decode, encode
from devrun.core.report import Problem, Report
from devrun.errors import DevrunError

EMPTY = Report(1, "p", "/p", 1, 0.0, "", engine_up=False, settled=True)


def test_a_report_comes_back_as_it_was(report: Report) -> None:
    """With every field, and a file name that is no UTF-8."""
    assert decode(Report, encode(report)) == report


@given(st.text(st.characters()), st.lists(st.text()), st.floats(allow_nan=False))
def test_any_text_and_number_comes_back(name: str, notices: list[str], started: float) -> None:
    """Whatever a user calls things."""
    report = replace(EMPTY, project=name, notices=tuple(notices), started=started)

    assert decode(Report, encode(report)) == report


def test_a_report_is_one_line_of_ascii(report: Report) -> None:
    """Terminal escapes in what a target wrote are not sent as such."""
    text = encode(report)

    assert text.endswith(b"}\n")
    assert text.isascii()
    assert not [byte for byte in text[:-1] if byte < 32]


def test_fields_of_a_newer_daemon_are_passed_over(report: Report) -> None:
    """On every level."""
    said = json.loads(encode(report))
    said["weather"] = said["targets"]["web"]["mood"] = said["images"]["default"]["last"]["by"] = {"new": [1]}

    assert decode(Report, json.dumps(said).encode()) == report


def test_fields_that_an_older_daemon_does_not_send_have_their_defaults() -> None:
    """Those without a default were there from the beginning."""
    said = json.loads(encode(EMPTY))
    del said["notices"], said["images"], said["targets"]

    assert decode(Report, json.dumps(said).encode()) == EMPTY


def test_a_whole_number_will_do_for_a_time() -> None:
    """JSON has one kind of number."""
    said = json.loads(encode(EMPTY)) | {"started": 7}

    assert decode(Report, json.dumps(said).encode()).started == 7.0


@pytest.mark.parametrize(
    "change",
    [
        {"pid": "12"},
        {"notices": "none"},
        {"notices": [1]},
        {"images": []},
        {"images": {"default": 1}},
        {"images": {"default": {"state": "ready"}}},
        {"targets": {"web": None}},
    ],
)
def test_what_is_no_report_is_refused(change: dict[str, object]) -> None:
    """With a remedy, instead of a traceback later."""
    said = json.loads(encode(EMPTY)) | change

    with pytest.raises(DevrunError, match="the answer of the running devrun cannot be read") as raised:
        decode(Report, json.dumps(said).encode())
    assert "restart it" in raised.value.hint


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    """However deep it goes."""
    with pytest.raises(DevrunError, match="cannot be read"):
        decode(Report, text)


def test_a_problem_may_be_absent_or_not(report: Report) -> None:
    """The only field that is another record or nothing."""
    decoded = decode(Report, encode(report))

    assert isinstance(decoded.targets["web"].problem, Problem)
    assert decoded.targets["job"].problem is None
