"""The steps of a running build, told from the engine's stream: where it is, what it wrote, how it ended.

One stream is either BuildKit's trace or the classic builder's text; engines that are not Docker answer a
request for the former with the latter, so each item is taken for what it is.
"""

import base64
import binascii
import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from devrun.core.values import ImageId
from devrun.engine.buildkit import Trace, Vertex, VertexLog, VertexStatus, decode_trace
from devrun.engine.protocol import BuildProgress

OUTPUT_LINES = 30
LINE_LIMIT = 4096
"""What a program writes without a line's end is cut here, so that it cannot fill the memory."""
ERROR_LIMIT = 16 * 1024
"""An error quotes whole instructions, and says at its end what became of them: both ends are kept."""
STEPS_LIMIT = 1000
"""More steps than any Dockerfile has: an engine's faulty stream cannot fill the memory either."""

_NUMBERED = re.compile(r"\[(?:\S+ )?\d+/\d+\] (.+)", re.DOTALL)
_CLASSIC_STEP = re.compile(r"STEP (\d+)/(\d+) ?: (.*)", re.IGNORECASE | re.DOTALL)
_CLASSIC_NOISE = re.compile(r" ---> |Removing intermediate container |Successfully (?:built|tagged) |$")
_CLASSIC_CACHED = (" ---> Using cache", "--> Using cache")
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])"
    r"|\x9b[0-?]*[ -/]*[@-~]|[\x90\x98\x9d-\x9f][^\x07\x1b\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)"
    # What is left of them, other controls, and what turns the direction of text or ends a line unseen.
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f]"
)
_CANCELLED = "context canceled"
_COMMAND = re.compile(r"(?:running \[|process \")(?:/bin/sh -c )?(.+?)(?:\]: |\" did not)", re.DOTALL)


@dataclass(slots=True)
class Step:
    """One step, as far as it is known."""

    instruction: str
    counts: bool = True
    """Whether it is an instruction of the Dockerfile, rather than the builder's own work."""
    number: int = 0
    """Its place in the order in which the steps began; 0: not yet."""
    cached: bool = False
    error: str = ""
    output: deque[str] = field(default_factory=lambda: deque(maxlen=OUTPUT_LINES))
    unfinished: dict[int, str] = field(default_factory=dict)
    """By stream, the beginning of a line whose end is still to come."""


class BuildSteps:
    """Takes the stream's items, tells of progress, and knows the outcome at the end."""

    def __init__(self, conceal: Callable[[str], str], progress: Callable[[BuildProgress], None]) -> None:
        """`conceal` takes out of each text what must not be shown."""
        self.image: ImageId | None = None
        self.error = ""
        self.exit_code: int | None = None
        self._conceal = conceal
        self._progress = progress
        self._steps: dict[str, Step] = {}
        self._classic_total = 0
        self._current: Step | None = None
        self._told: BuildProgress | None = None

    def take(self, line: bytes) -> None:
        """Take one line of the stream; what cannot be understood is left out."""
        try:
            item = json.loads(line)
        except ValueError:
            return
        if isinstance(item, dict):
            self._take_item(item)

    def take_trace(self, trace: Trace) -> None:
        """Take one message of BuildKit's trace."""
        self._learn(trace)
        for vertex in trace.vertexes:
            self._take_vertex(vertex)
        for status in trace.statuses:
            self._take_status(status)
        for log in trace.logs:
            self._take_log(log)
        # A step's last words may come in the same message as its end, or even later.
        for vertex in trace.vertexes:
            if vertex.completed and vertex.digest in self._steps:
                self._flush(self._steps[vertex.digest])

    def end(self) -> None:
        """Take note that nothing more comes."""
        for step in self._steps.values():
            self._flush(step)

    def fail(self, message: str) -> None:
        """Take note that the build ended with an error."""
        self.error = self._shown_error(message)

    @property
    def failed(self) -> Step | None:
        """The step that failed: the one that says why, else the last one of the classic builder."""
        told = [step for step in self._steps.values() if step.error and _CANCELLED not in step.error]
        # A step that ran tells more than one that failed with it.
        told.sort(key=lambda step: not step.counts)
        return next(iter(told), self._current or self._named)

    @property
    def failed_elsewhere(self) -> bool:
        """Whether what failed ran for another build at the same time: BuildKit tells that one alone of it."""
        steps = self._steps.values()
        is_waiting = any(step.counts and not step.number for step in steps)
        return bool(self.error) and is_waiting and not any(step.error for step in steps)

    @property
    def _named(self) -> Step | None:
        """The step whose command the error quotes."""
        quoted = _COMMAND.search(self.error)
        steps = self._steps.values() if quoted else ()
        return next((step for step in steps if quoted and step.instruction.endswith(quoted[1])), None)

    def _take_item(self, item: Mapping[str, object]) -> None:
        aux, text = item.get("aux"), item.get("stream")
        if item.get("id") == "moby.buildkit.trace" and isinstance(aux, str):
            self._take_encoded(aux)
        elif isinstance(aux, dict) and isinstance(aux.get("ID"), str):
            self.image = ImageId(aux["ID"])
        elif isinstance(text, str):
            self._take_text(text)
        elif item.get("error"):
            self._take_error(item)

    def _take_error(self, item: Mapping[str, object]) -> None:
        detail = item.get("errorDetail")
        code = detail.get("code") if isinstance(detail, dict) else None
        self.fail(str(item["error"]))
        self.exit_code = code if isinstance(code, int) and code else None

    def _take_encoded(self, encoded: str) -> None:
        try:
            trace = decode_trace(base64.b64decode(encoded))
        except (ValueError, binascii.Error):
            return
        self.take_trace(trace)

    def _learn(self, trace: Trace) -> None:
        """Know all steps of the message before telling of one, so that their number is right."""
        for vertex in trace.vertexes:
            if vertex.digest not in self._steps and len(self._steps) < STEPS_LIMIT:
                numbered = _NUMBERED.fullmatch(vertex.name)
                instruction = self._shown(numbered[1] if numbered else vertex.name)
                self._steps[vertex.digest] = Step(instruction, counts=bool(numbered))

    def _take_vertex(self, vertex: Vertex) -> None:
        step = self._steps.get(vertex.digest)
        if step is None:
            return
        if vertex.error:
            step.error = self._shown_error(vertex.error)
        newly_cached = vertex.cached and not step.cached
        step.cached = vertex.cached
        if step.counts and (newly_cached or (vertex.started and not step.number)):
            self._begin(step)
            self._tell(step)

    def _begin(self, step: Step) -> None:
        if not step.number:
            step.number = 1 + max((other.number for other in self._steps.values()), default=0)

    def _take_status(self, status: VertexStatus) -> None:
        """Tell of the builder's own last work, the export, which can take long."""
        step = self._steps.get(status.vertex)
        if step and not step.counts and step.instruction.startswith("exporting"):
            self._tell(step, status.id)

    def _take_log(self, log: VertexLog) -> None:
        step = self._steps.get(log.vertex)
        if step:
            self._add_output(step, log.stream, log.content.decode("utf-8", "replace"))

    def _take_text(self, text: str) -> None:
        """Take a piece of the classic builder's stream."""
        found = _CLASSIC_STEP.match(text)
        if found:
            number, self._classic_total, instruction = int(found[1]), int(found[2]), found[3].strip()
            self._current = Step(self._shown(instruction), number=number)
            self._tell(self._current)
        elif self._current and text.startswith(_CLASSIC_CACHED):
            self._current.cached = True
            self._tell(self._current)
        elif self._current and not _CLASSIC_NOISE.match(text):
            self._add_output(self._current, 0, text)

    def _flush(self, step: Step) -> None:
        for stream, rest in list(step.unfinished.items()):
            step.unfinished[stream] = ""
            self._add_line(step, rest)

    def _add_output(self, step: Step, stream: int, text: str) -> None:
        *lines, rest = (step.unfinished.get(stream, "") + text).split("\n")
        # Longer than what is shown, so that a secret at the cut is whole, and known as one.
        step.unfinished[stream] = rest[: 2 * LINE_LIMIT]
        for line in lines:
            self._add_line(step, line)

    def _add_line(self, step: Step, line: str) -> None:
        # A progress bar rewrites its line after each carriage return: only its last state counts.
        shown = self._shown(line.rstrip("\r").rpartition("\r")[2])
        if shown.strip():
            step.output.append(shown)
            self._tell(step, shown)

    def _shown(self, text: str) -> str:
        return self._conceal(plain(text[: 2 * LINE_LIMIT]))[:LINE_LIMIT]

    def _shown_error(self, text: str) -> str:
        shown = self._conceal(plain(text))
        half = ERROR_LIMIT // 2
        return shown if len(shown) <= ERROR_LIMIT else f"{shown[:half]} … {shown[-half:]}"

    def _tell(self, step: Step, line: str = "") -> None:
        counted = sum(1 for known in self._steps.values() if known.counts)
        total = self._classic_total or counted
        number = step.number if step.counts else total
        told = BuildProgress(number, total, step.instruction, line, step.cached)
        # BuildKit tells of each part of its own work twice, at its begin and at its end.
        if step.counts or told != self._told:
            self._progress(told)
        self._told = told


def plain(text: str) -> str:
    """Return a text without anything that a terminal would obey but line ends and tabs."""
    return _ESCAPE.sub("", text)
