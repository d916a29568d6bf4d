"""A Dockerfile is cut into the same instructions as BuildKit's own parser cuts it into."""

import json
import re

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from devrun.sources.dockerfile_syntax import DockerfileError, Instruction, parse_instructions

Row = tuple[str, tuple[str, ...], tuple[str, ...], bool, tuple[tuple[str, str, int], ...], int, int]


def seen(text: str) -> list[Row] | str:
    """Return what our parser makes of `text`, in a form that can be compared; or that it refuses."""
    try:
        instructions, _ = parse_instructions(text)
    except DockerfileError:
        return "refused"
    return [row(instruction) for instruction in instructions]


def row(instruction: Instruction) -> Row:
    inner = instruction.trigger
    carrier = inner or instruction
    # The oracle's Python face forgets the heredocs of an ONBUILD; the lines that they fill still agree.
    documents = tuple((doc.name, doc.content, doc.descriptor) for doc in instruction.heredocs if not inner)
    keyword = f"ONBUILD {inner.keyword}" if inner else instruction.keyword
    return (
        keyword,
        instruction.flags,
        carrier.words,
        carrier.json,
        documents,
        instruction.line,
        instruction.end_line,
    )


def judged(text: str) -> list[Row] | str:
    """Return what BuildKit's parser makes of it."""
    oracle = pytest.importorskip("dockerfile", reason="BuildKit's parser has no wheel for this platform")
    try:
        commands = oracle.parse_string(text)
    except oracle.GoParseError:
        return "refused"
    return [
        (
            f"ONBUILD {command.sub_cmd.upper()}" if command.sub_cmd else (command.cmd or "").upper(),
            # BuildKit takes the bytes of a flag for characters.
            tuple(flag.encode("latin-1").decode() for flag in command.flags),
            # An unknown instruction comes with one empty word.
            () if command.value == ("",) else command.value,
            command.json,
            tuple((doc.name, doc.content, doc.file_descriptor) for doc in command.heredocs),
            command.start_line,
            command.end_line,
        )
        for command in commands
    ]


TRICKY = {
    "comments inside a continued line": "FROM a\nRUN x \\\n  # why\n\n  && y\n",
    "a comment that ends in the escape": "FROM a\n# not continued \\\nRUN x\n",
    "an escaped escape at the end": "FROM a\nRUN x \\\\\nRUN y\n",
    "a continuation at the end of the file": "FROM a\nRUN x \\",
    "a lone continuation": "\\\nFROM a\n",
    "blanks after the escape": "FROM a\nRUN x \\  \t\n y\n",
    "windows line ends": "FROM a\r\nRUN x \\\r\n y\r\n",
    "a byte order mark": "\ufeffFROM a\n",
    "a backtick as escape": "# escape=`\nFROM a\nRUN x `\n y \\\nCOPY a b\\\n",
    "directives in any case": "#  Escape = `\nFROM a\nRUN x `\n y",
    "a directive after a comment": "# hello\n# escape=`\nFROM a\nRUN x `\nRUN y\n",
    "a directive after a blank line": "\n# escape=`\nFROM a\nRUN x `\nRUN y\n",
    "a directive after an unknown one": "# x=y\n# escape=`\nFROM a\nRUN x `\nRUN y\n",
    "the same directive twice": "# escape=`\n# escape=`\nFROM a\n",
    "a wrong escape": "# escape=x\nFROM a\n",
    "a heredoc": "FROM a\nRUN <<EOF\nx\n# no comment \\\nEOF\nRUN y\n",
    "several heredocs": "FROM a\nRUN <<A cat <<-B 3<<'C'\n1\nA\n\t2\n\tB\n3\nC\nRUN y\n",
    "a heredoc that copies": "FROM a\nCOPY <<a.txt <<'b c.txt' /x/\n1\na.txt\n2\nb c.txt\n",
    "a heredoc without its end": "FROM a\nRUN <<EOF\nx\n",
    "a heredoc in JSON": 'FROM a\nRUN ["<<EOF"]\nRUN x\n',
    "a heredoc in a quote": 'FROM a\nRUN echo "<<EOF"\nRUN x\n',
    "a heredoc behind an open quote": "FROM a\nRUN echo it's <<EOF\nRUN x\n",
    "a here string": "FROM a\nRUN cat <<<EOF\nRUN x\n",
    "a shift": "FROM a\nRUN echo $((1<<2))\nRUN x\n",
    "a heredoc behind a variable": "FROM a\nRUN echo ${x:-y} <<EOF\nz\nEOF\n",
    "a heredoc behind a length": "FROM a\nRUN echo ${#x} <<EOF\nRUN y\n",
    "a heredoc of an instruction that takes none": "FROM a\nENV x=<<EOF\nRUN y\n",
    "a heredoc held back": "FROM a\nONBUILD RUN <<EOF\nx\nEOF\n",
    "a continued heredoc line": "FROM a\nRUN cat \\\n <<EOF\nx\nEOF\n",
    "windows heredoc": "FROM a\r\nRUN <<EOF\r\nx\r\nEOF\r\nRUN y\r\n",
    "flags": "FROM --platform=linux/amd64 a AS b\nCOPY --from=b --chown=1:2 --link x y z/\n",
    "quoted flags": 'FROM a\nCOPY --chown=\'a b\':"c" --x=\\"q x y\n',
    "the end of flags": "FROM a\nCOPY -- --x y\nRUN --mount=type=cache,target=/x -- y\n",
    "json": 'FROM a\nCOPY ["a b", "c"]\nCMD [ "x" , "y" ]\nRUN ["a"]\nRUN []\n',
    "almost json": "FROM a\nCOPY ['a', 'b']\nCMD [\"x\",]\nRUN [ -f x ]\nRUN [NaN]\nRUN [1e999999]z\n",
    "json of numbers": "FROM a\nCMD [1]\n",
    "json nested": 'FROM a\nCMD [["x"]]\n',
    "json object": 'FROM a\nCMD {"a": "b"}\n',
    "env": 'FROM a\nENV a=b c="d e" f=\'g h\' i=j\\ k\nENV a b  c\nENV a=\nARG x y=1 z="2 3"\nLABEL a b\n',
    "env with one name": "FROM a\nENV a\n",
    "env without =": "FROM a\nENV a=b c\n",
    "empty arguments": "FROM\nARG\nENV\nCOPY\nRUN\nONBUILD\nHEALTHCHECK\nLABEL\nWORKDIR\n",
    "lower case": "from a\nrun x\nonbuild copy a b\n",
    "unknown": "FROM a\nFROB x y\n",
    "healthcheck": 'FROM a\nHEALTHCHECK --interval=5s CMD  x y\nHEALTHCHECK NONE\nHEALTHCHECK CMD ["x"]\n',
    "tabs": "FROM\ta\n\tRUN\tx\ty\n",
    "a form feed": "FROM a\nCOPY a\fb\vc\n",
    "nothing": "",
    "only comments": "# a\n\n# b\n",
    "onbuild twice": "FROM a\nONBUILD ONBUILD RUN x\n",
    "spaces that are not ASCII": "FROM a\n\u00a0RUN x\u00a0\n\u2003\n",
}


@pytest.mark.parametrize("text", TRICKY.values(), ids=TRICKY.keys())
def test_a_tricky_file_reads_as_buildkit_reads_it(text: str) -> None:
    """Keywords, flags, words, JSON, heredocs and line numbers agree, and so do refusals."""
    assert seen(text) == judged(text)


AFTER_JSON = re.compile(r"\[[^\n]*\][^\n]*\S")
GLUED = re.compile(r"<<[^\n]*\$\{")

piece = st.sampled_from(
    [
        *"ab \t\\`\"'$<>-=[],#{}:+%/",
        "\n",
        "\r\n",
        "\\\n",
        "\n# c\n",
        "\nRUN ",
        "\nCOPY ",
        "\nENV ",
        "\nONBUILD ",
        "\nEOF\n",
        "\nA\n",
        "\n\tA\n",
        "<<EOF",
        "<<-A",
        "<<'A'",
        '<<"A"',
        "--x=",
        "--",
        "${a",
        "${a:-",
        '["a"]',
        '"a"',
        "# escape=`\n",
        "é",
    ]
)


@pytest.mark.usefixtures("unmeasured")
@given(st.lists(piece, max_size=25).map(lambda pieces: "FROM a" + "".join(pieces)))
@example("FROM a${a:-b")
@settings(max_examples=600, deadline=None)
def test_any_file_reads_as_buildkit_reads_it(text: str) -> None:
    """Whatever is put together from the signs that matter, both parsers agree on it."""
    # The oracle is older than BuildKit's decision to refuse an array with something behind it as JSON.
    assume(not AFTER_JSON.search(text))
    # It is older, too, than the buffer by which `<<EOF${a:-b}` loses what stands before the variable.
    assume(not GLUED.search(text))

    assert seen(text) == judged(text)


@pytest.mark.usefixtures("unmeasured")
@given(st.text(alphabet=st.sampled_from("FROMRUN a\n\\#<E'\"$`[]{}\r\t=-"), max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_text_crashes_the_parser(text: str) -> None:
    """A text is read or refused with a line number of its own, never answered by another exception."""
    lines = lines_of(text)

    assert all(0 <= line <= text.count("\n") + 1 for line in lines)


def lines_of(text: str) -> list[int]:
    """Return the lines of the instructions, or that of the error."""
    try:
        instructions, _ = parse_instructions(text)
    except DockerfileError as error:
        return [error.line]
    return [line for one in instructions for line in (one.line, one.end_line)]


def test_the_meaning_forgets_comments_and_layout() -> None:
    """Comments, blank lines, indents and the case of keywords are no part of what an instruction means."""
    plain, _ = parse_instructions("FROM a\nRUN x   && y\nCOPY a b\n")
    dressed, _ = parse_instructions("# head\n\nfrom a\n  run x \\\n# c\n  && y\n\n\tCOPY   a  b\n")

    assert [one.meaning for one in plain] == [one.meaning for one in dressed]


def test_the_meaning_is_plain_data() -> None:
    """It can be written as JSON, to be hashed."""
    instructions, _ = parse_instructions("FROM a\nONBUILD RUN <<E\nx\nE\n")

    assert "x" in json.dumps([one.meaning for one in instructions])


def test_directives_are_kept() -> None:
    """The parser directives are known by their lower-case names."""
    _, directives = parse_instructions("# Syntax=docker/dockerfile:1\n# check=skip=all\nFROM a\n")

    assert directives == {"syntax": "docker/dockerfile:1", "check": "skip=all"}
