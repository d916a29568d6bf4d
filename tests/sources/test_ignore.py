"""Ignore files decide as Docker decides."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from devrun.sources.ignore import IgnoreRules
from devrun.sources.unwatched import BUILT_IN, generated

CASES = [
    # the file, what is ignored, what is not
    ("*.pyc", "a.pyc", "sub/a.pyc sub/b a.pyc2 apyc"),
    ("**/*.pyc", "a.pyc sub/a.pyc sub/deep/a.pyc", "a.py"),
    ("**/__pycache__", "__pycache__ a/__pycache__/x.pyc __pycache__/y", "a__pycache__x"),
    ("foo/", "foo foo/a", "bar/foo foobar"),
    ("/foo", "foo foo/a", "bar/foo"),
    ("./foo", "foo", "bar"),
    ("bar/../foo", "foo", "bar"),
    ("../foo", "", "foo"),
    ("foo/bar", "foo/bar foo/bar/x", "foo/x bar"),
    ("foo/*/bar", "foo/x/bar", "foo/bar foo/x/y/bar"),
    ("foo/**/bar", "foo/bar foo/x/bar foo/x/y/bar", "foobar bar"),
    ("foo/**", "foo/a foo/a/b", "foo foobar"),
    ("**", "a a/b", ""),
    ("**/", "a a/b", ""),
    ("*", "a a/b .x", ""),
    ("**foo", "foo barfoo a/barfoo", "foob"),
    ("a**b", "ab a/b ax/b", "axb"),
    ("?", "a é", "ab"),
    ("a?c", "abc", "a/c ac"),
    (".", "", "a"),
    ("/", "", "a"),
    # re-inclusion: the last rule that matches wins, in any directory
    ("*\n!src", "a b/c", "src src/x"),
    ("*\n!**/*.py", "a a/b", "x.py a/x.py a/b/x.py"),
    ("**\n!**/*.py", "a a/b", "x.py a/x.py a/b/x.py"),
    ("*\n!*/*.py", "x.py a/b", "a/x.py a/x.py/y"),
    ("foo\n!*/keep", "foo foo/a", "foo/keep foo/keep/x"),
    ("foo\n!foo/bar\nfoo/bar/x", "foo/a foo/bar/x", "foo/bar foo/bar/y"),
    ("!foo\nfoo", "foo", "bar"),
    ("foo\n!**/keep", "foo/a/b", "foo/keep foo/a/keep"),
    # Docker's walk asks a rule only where it would change the verdict, so the third one never matched here
    ("foo\n!foo/bar\nfoo", "foo foo/x", "foo/bar"),
    # it is case-sensitive
    ("*.TXT", "a.TXT", "a.txt"),
    ("foo", "foo", "FOO"),
    # brackets are those of Go
    ("[ab].txt", "a.txt b.txt", "c.txt ab.txt"),
    ("[^a].txt", "b.txt !.txt", "a.txt ab.txt"),
    ("[!a].txt", "a.txt !.txt", "b.txt"),
    ("[a-c]", "a b c", "d -"),
    ("[a\\-c]", "a - c", "b"),
    ("x[*]y", "", "x*y"),
    # escapes
    ("\\#file", "#file", "file"),
    ("\\!file", "!file", "file"),
    ("a\\*", "a*", "ab a\\*"),
    ("a\\ b", "a\\b", ""),
    # signs that mean something in regular expressions only
    ("a.b+(c)|{d}$", "a.b+(c)|{d}$", "axb"),
    ("*.b+(c)|{d}$", "a.b+(c)|{d}$", "axb+"),
    ("a^b", "a^b", "ab"),
    # comments, blanks, marks, line ends
    ("#a\nb", "b", "a #a"),
    (" #a", "#a", "a"),
    ("  a  \n\tb\t\n\n", "a b", ""),
    ("\ufeffa\nb", "a b", ""),
    ("a\r\nb\r\n", "a b", ""),
    ("a\n! a", "", "a"),
    ("a\n!/a", "", "a"),
    ("!!a\n*", "a !a", ""),
    ("*\n/!a", "b", "a"),
]


@pytest.mark.parametrize(("text", "ignored", "kept"), CASES, ids=[repr(case[0]) for case in CASES])
def test_an_ignore_file_decides_as_docker_does(text: str, ignored: str, kept: str) -> None:
    """Each path is ignored or kept, as moby/patternmatcher does it."""
    rules = IgnoreRules.parse(text, ".dockerignore")

    # A blank in a pattern is written so that the paths can be: `a\\ b` matches `a b`.
    paths = {path: rules.excludes(path.replace("\\b", " b")) for path in ignored.split() + kept.split()}

    assert paths == {**dict.fromkeys(ignored.split(), True), **dict.fromkeys(kept.split(), False)}
    assert rules.problems == ()


@pytest.mark.parametrize(
    "line", ["[", "a[", "[]", "[]a]", "[a-]", "[-a]", "a\\", "!", "! ", "/!", "[b-a]", "\\q"]
)
def test_a_line_that_docker_refuses_is_a_problem_and_ignores_nothing(line: str) -> None:
    """The problem names file and line; the other lines hold."""
    rules = IgnoreRules.parse(f"x\n{line}\n", ".dockerignore")

    assert [problem.partition(": ")[0] for problem in rules.problems] == [".dockerignore:2"]
    assert [rule.pattern for rule in rules.rules] == ["x"]


def test_the_deciding_rule_tells_its_line() -> None:
    """A rule knows where it stands, and how it was meant."""
    rules = IgnoreRules.parse("# head\n*.py\n!keep.py\n", ".dockerignore")

    assert str(rules.match("a.py")) == ".dockerignore:2 (*.py)"
    assert str(rules.match("keep.py")) == ".dockerignore:3 (!keep.py)"
    assert rules.match("a.txt") is None


def test_later_rules_take_back_what_earlier_files_ignore() -> None:
    """Joined rules are one list, so a user's `!` wins over devrun's own."""
    own = IgnoreRules.parse("!/notes.tmp", "devrun.toml")
    rules = IgnoreRules.joined([BUILT_IN, own])

    assert (rules.excludes("notes.tmp"), rules.excludes("other.tmp")) == (False, True)


@pytest.mark.parametrize(
    ("text", "directory", "expected"),
    [
        ("*", "src", False),
        ("*\n!src", "node_modules", False),
        ("*\n!src", "src", True),
        ("*\n!src/a/b", "src", True),
        ("*\n!src/a/b", "src/a", True),
        ("*\n!src/a/b", "src/c", False),
        ("*\n!src/*.py", "lib", False),
        ("*\n!**/*.py", "lib", True),
    ],
)
def test_a_walk_may_skip_what_nothing_takes_back(text: str, directory: str, *, expected: bool) -> None:
    """An ignored directory is entered only where a rule with `!` may match below it."""
    assert IgnoreRules.parse(text, "x").may_reinclude_below(directory) is expected


segments = st.lists(st.sampled_from(["a", "b", "ab", "*", "?", "a*", "**"]), min_size=1, max_size=4)
paths = st.lists(st.sampled_from(["a", "b", "ab", "c"]), min_size=1, max_size=4)
lines = st.lists(st.tuples(st.sampled_from(["", "!"]), segments.map("/".join)).map("".join), max_size=5)


def matches(pattern: list[str], path: list[str]) -> bool:
    """Return whether a pattern matches a path: the plainest way to say what the signs mean."""
    if not pattern or not path:
        return not pattern and not path
    first, rest = pattern[0], pattern[1:]
    if first == "**":
        return not rest or any(matches(rest, path[at:]) for at in range(len(path) + 1))
    return matches_part(first, path[0]) and matches(rest, path[1:])


def matches_part(pattern: str, name: str) -> bool:
    """Return whether one part of a path matches."""
    if pattern.startswith("*"):
        return any(matches_part(pattern[1:], name[at:]) for at in range(len(name) + 1))
    if not pattern or not name:
        return not pattern and not name
    return pattern[0] in ("?", name[0]) and matches_part(pattern[1:], name[1:])


@given(segments, paths)
def test_a_pattern_matches_as_its_signs_say(pattern: list[str], path: list[str]) -> None:
    """One line ignores what it matches, and all below that."""
    expected = any(matches(pattern, path[:end]) for end in range(1, len(path) + 1))

    assert IgnoreRules.parse("/".join(pattern), "x").excludes("/".join(path)) is expected


@given(lines, paths)
def test_the_last_match_wins(written: list[str], path: list[str]) -> None:
    """A file in the context's own folder is decided by the last line that matches it."""
    verdicts = [
        not line.startswith("!") for line in written if matches(line.lstrip("!").split("/"), path[:1])
    ]

    assert IgnoreRules.parse("\n".join(written), "x").excludes(path[0]) is (
        verdicts[-1] if verdicts else False
    )


@given(lines, paths)
def test_what_is_taken_back_is_never_skipped(written: list[str], path: list[str]) -> None:
    """Whatever is kept lies in directories that are kept, or that a walk enters."""
    rules = IgnoreRules.parse("\n".join(written), "x")
    assume(not rules.excludes("/".join(path)))
    above = ["/".join(path[:end]) for end in range(1, len(path))]

    assert all(not rules.excludes(name) or rules.may_reinclude_below(name) for name in above)


@given(lines, paths)
def test_what_is_ignored_is_what_the_deciding_rule_ignores(written: list[str], path: list[str]) -> None:
    """Rules without a `!` are asked all at once; the answer is that of one after the other."""
    rules = IgnoreRules.parse("\n".join(written), "x")
    rule = rules.match("/".join(path))

    assert rules.excludes("/".join(path)) is (rule is not None and not rule.negated)


@given(st.text(alphabet="ab*?[]^-\\!#/. \n{}()+|$&~:", max_size=12), paths)
def test_no_text_crashes_the_rules(text: str, path: list[str]) -> None:
    """Any text makes rules, or problems, or nothing."""
    assert IgnoreRules.parse(text, "x").excludes("/".join(path)) in (True, False)


@pytest.mark.parametrize(
    "path",
    [".git/index", "a/__pycache__/x.py", "x.pyc", "a/.venv/lib/x.py", "4913", "a/.#x.py", "#x.py#", "x.py~"],
)
def test_litter_is_not_watched(path: str) -> None:
    """Caches, environments and editors' litter are ignored at any depth."""
    assert BUILT_IN.excludes(path)


@pytest.mark.parametrize(
    "path",
    ["app.py", ".env", "env/x.py", "build/x.py", "dist/x.py", "venv/x.py", "x.so", "x.pyd", "git/x.py"],
)
def test_what_may_be_a_users_own_is_watched(path: str) -> None:
    """A name alone ignores nothing that a program could import or read."""
    assert not BUILT_IN.excludes(path)


@pytest.mark.parametrize(
    ("name", "children", "expected"),
    [
        ("env", ["bin", "lib", "pyvenv.cfg"], "a virtual environment"),
        ("anything", ["pyvenv.cfg"], "a virtual environment"),
        ("env", ["__init__.py"], None),
        ("build", ["lib", "bdist.linux-x86_64"], "output of a packaging tool"),
        ("build", ["lib", "steps.py"], None),
        ("build", [], None),
        ("dist", ["hello-1.0-py3-none-any.whl", "hello-1.0.tar.gz"], "output of a packaging tool"),
        ("dist", ["index.html"], None),
        ("cache", ["CACHEDIR.TAG", "x"], "a cache"),
    ],
)
def test_a_generated_directory_is_told_by_its_content(
    name: str, children: list[str], expected: str | None
) -> None:
    """A package may be called env, build or dist; an environment or a tool's output shows itself."""
    assert generated(name, children) == expected
