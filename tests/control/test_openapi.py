"""The OpenAPI document says what is so: every answer to whatever may be asked conforms to it."""

import json
from collections.abc import Callable
from queue import SimpleQueue

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import response_schema_conformance

from devrun import __version__
from devrun.config.project import TargetName
from devrun.control.endpoints import Endpoints
from devrun.control.openapi import document
from devrun.control.waits import Answer
from devrun.core.journal import Entry, LogLine
from devrun.core.report import ImageReport, Report, TargetReport
from devrun.core.waiting import Obstacle, WaitOutcome
from tests.control.conftest import NotingService

REPORT = Report(
    version=1,
    project="shop",
    root="/srv/shop",
    pid=1,
    started=1.5,
    engine="Docker",
    engine_up=True,
    settled=True,
    images={"default": ImageReport("ready", "up to date", "up to date")},
    targets={"web": TargetReport("web.py", "default", "running", "up to date", "up to date")},
)


class Answering(NotingService):
    """A service with something to say, that answers waits at once."""

    def __init__(self) -> None:
        super().__init__(REPORT, SimpleQueue(), SimpleQueue())
        for number in range(3):
            self.journal.put("", 1.0, lambda n: Entry(1.0, "held", "target web", "up to date", number=n))
            self.lines.put("web", 1.0, lambda n: LogLine(1.0, "web", "stdout", f"line {n}", n))
            self.lines.put(
                "default", float(number), lambda n: LogLine(1.0, "default", "build", "RUN make", n)
            )

    def wait(
        self, names: frozenset[TargetName], timeout_s: float | None, answer: Answer
    ) -> Callable[[], None]:
        unknown = [Obstacle(f"target {name}", "no target is called so") for name in names if name != "web"]
        answer(WaitOutcome("unknown target" if unknown else "ready", tuple(unknown), 0.1))
        return lambda: None


endpoints = Endpoints(Answering(), most_waits=10)
SCHEMA = document(endpoints.operations, version=__version__, protocol="1")
HEADERS = {"Host": "localhost"}
api = schemathesis.openapi.from_asgi(
    "/v1/openapi.json", endpoints.application(body_bytes=65536), headers=HEADERS
)


@pytest.mark.usefixtures("unmeasured")
@api.parametrize()
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_document_describes(case: schemathesis.Case) -> None:  # type: ignore[type-arg]
    """Good and bad values of all parameters; other methods and types of content, too."""
    if case.query.get("follow") in (True, "true"):
        case.query["follow"] = "false"  # An answer that follows has no end.
    response = case.call(headers=HEADERS)
    streams = response.headers.get("content-type", [""])[0] == "application/x-ndjson"
    # What the document says of a stream is said of each of its lines.
    case.validate_response(
        response, excluded_checks=[response_schema_conformance] if streams else [], headers=HEADERS
    )
    if streams:
        described = SCHEMA["paths"][case.operation.path]["get"]["responses"]["200"]["content"]  # type: ignore[index]
        schema = {**described["application/x-ndjson"]["schema"], "components": SCHEMA["components"]}
        for line in response.content.splitlines():
            jsonschema_rs.validate(schema, json.loads(line))


def test_the_document_has_the_words_of_the_source() -> None:
    """Whoever reads it needs no other page."""
    schemas = SCHEMA["components"]["schemas"]  # type: ignore[index]

    assert schemas["Report"]["description"] == "All of a project."
    assert schemas["TargetReport"]["properties"]["doing"]["type"] == "string"
    assert schemas["ImageReport"]["properties"]["state"]["description"] == "`ready`, `missing` or `unknown`."
    assert schemas["LastAction"]["properties"]["seconds"]["type"] == "number"
    assert {"Entry", "LogLine", "Missed", "WaitOutcome", "Explained", "Refused", "Accepted"} <= schemas.keys()


@pytest.mark.parametrize("operation", endpoints.operations, ids=lambda one: f"{one.method} {one.path}")
def test_every_endpoint_is_described(operation: object) -> None:
    """With a summary, and each parameter with a sentence."""
    described = SCHEMA["paths"][operation.path][operation.method.lower()]  # type: ignore[index,attr-defined]

    assert described["summary"].endswith(".")
    assert all(parameter["description"] for parameter in described["parameters"])
