"""devrun.toml is refused with all of its problems at once, each with its line and key."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from devrun.config.load import load, load_identity
from devrun.config.project import ImageCommand, Project, Script, TargetName
from devrun.errors import ConfigError, ExitCode

Refused = Callable[..., list[str]]
Read = Callable[..., Project]


def test_an_unknown_key_is_refused_with_the_nearest_known_one(refused: Refused) -> None:
    """Spelling mistakes are the commonest ones."""
    assert refused('[image]\ndockerfil = "Dockerfile"\n') == [
        "2: image.dockerfil: unknown key; did you mean dockerfile?"
    ]


@pytest.mark.parametrize(
    ("table", "key", "near"),
    [
        ("project", "nam", "name"),
        ("images.dev", "arg", "args"),
        ("mount", "pth", "path"),
        ("targets.web", "port", "ports"),
        ("targets.web.mount", "kep", "keep"),
    ],
)
def test_every_table_knows_its_keys(refused: Refused, table: str, key: str, near: str) -> None:
    """Those of another table are not offered."""
    (problem,) = refused(f"{table}.{key} = 1\ntargets.web.module = 'app'\n")

    assert problem == f"1: {table}.{key}: unknown key; did you mean {near}?"


def test_a_misspelt_table_does_not_hide_what_is_wrong_in_another_one(refused: Refused) -> None:
    """As far as the other one says it itself."""
    assert refused('imag = 1\n[targets]\nweb = "no.py"') == [
        "1: imag: unknown key; did you mean image?",
        "3: targets.web.script: there is no file 'no.py'",
    ]


def test_keys_are_written_in_kebab_case(refused: Refused) -> None:
    """Snake case is one spelling too many, and its user is told the right one."""
    assert refused('[targets.web]\nscript = "app.py"\nenv_file = []\n') == [
        "3: targets.web.env_file: unknown key; did you mean env-file?"
    ]


def test_an_unknown_key_like_no_other_is_refused_with_all_known_ones(refused: Refused) -> None:
    """Whoever guesses needs the list."""
    known = "project, image, images, mount, network-sandbox, targets"
    assert refused("quux = 1") == [f"1: quux: unknown key; known are {known}"]


def test_all_problems_are_told_at_once_in_the_order_of_their_lines(refused: Refused) -> None:
    """What the schema refuses, what is not on the disk and what the environment lacks: one run tells all."""
    text = """
[targets]
gone = "gone.py"
both = { script = "app.py", module = "app" }
web = { script = "app.py", ports = ["x"], env-file = "no.env" }
key = { script = "${SCRIPT}" }

[image]
stag = "dev"
dockerfile = "Dockerfile.dev"
context = "${CONTEXT}"
"""
    assert refused(text) == [
        "3: targets.gone.script: there is no file 'gone.py'",
        "4: targets.both: a target has one of script, module and command; this one has script and module",
        '5: targets.web.ports.0: a port is written "HOST:CONTAINER", as in "8080:5000"',
        "5: targets.web.env-file.0: 'no.env': does not exist",
        "6: targets.key.script: the environment has no SCRIPT; set it, or write ${SCRIPT:-default}",
        "9: image.stag: unknown key; did you mean stage?",
        "10: image.dockerfile: there is no file 'Dockerfile.dev'; did you mean 'Dockerfile'?",
        "11: image.context: the environment has no CONTEXT; set it, or write ${CONTEXT:-default}",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            '[image]\ndockerfil = "Dockerfile.dev"',
            "2: image.dockerfil: unknown key; did you mean dockerfile?",
        ),
        ('[targets.web]\nscrpt = "app.py"', "2: targets.web.scrpt: unknown key; did you mean script?"),
        ("[targets]\nweb = 5", "2: targets.web: a target is the path of a script, or a table"),
        ("targets = 5", "1: targets: must be a table"),
        ('[imag]\ndockerfile = "x"', "1: imag: unknown key; did you mean image?"),
        ('[mount]\nsource = 5\n[targets]\nweb = "app.py"', "2: mount.source: must be a text in quotes"),
    ],
)
def test_what_only_follows_from_a_mistake_is_not_told(refused: Refused, text: str, problem: str) -> None:
    """One mistake is one problem: a missing Dockerfile is no news where its key was misspelt."""
    assert refused(text) == problem.split("\n")


def test_an_image_that_was_refused_is_still_known_by_its_name(refused: Refused) -> None:
    """The target that chooses it has done nothing wrong."""
    assert refused('[images]\nmain = 5\n[targets]\nweb = { script = "app.py", image = "main" }') == [
        "2: images.main: must be a table"
    ]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("ports = '80'", "ports: must be a list"),
        ("ports = [0]", "ports.0: a port lies between 1 and 65535"),
        ("ports = ['70000:80']", "ports.0: a port lies between 1 and 65535"),
        ("ports = [true]", 'ports.0: a port is written "HOST:CONTAINER", as in "8080:5000"'),
        (
            "ports = ['1.2.3.400:1:2']",
            'ports.0: before the ports stands an IP address, as in "127.0.0.1:8080:5000"',
        ),
        ("autostart = 1", "autostart: must be true or false"),
        ("stop-timeout = -1", "stop-timeout: must be 0 or more"),
        ("stop-timeout = 4000", "stop-timeout: must be 3600 or less"),
        ("stop-timeout = 1.5", "stop-timeout: must be a whole number"),
        ("stop-signal = 'no signal'", 'stop-signal: a signal is written "SIGINT", "INT" or "2"'),
        ("restart-on = 'all'", "restart-on: must be one of 'reach', 'any' or 'none'"),
        ("env = 'A=1'", "env: must be a table"),
        ("env = { 'A=B' = '1' }", 'env."A=B": the name of a variable is not empty, and has no ='),
        ("args = 'a \"'", "args: a quote is not closed, or a backslash ends the text"),
        ("mount = true", "mount: leave the key out to have the mount, or write false"),
        ("mount = 'x'", "mount: must be a table, or false"),
        ("mount = { path = 'app' }", "mount.path: must be an absolute path in the container, without .."),
        ("mount = { path = '/' }", "mount.path: nothing can be mounted over the root of the container"),
        ("mount = { keep = ['/x'] }", "mount.keep.0: must be a path below the mount, relative to it"),
        ("workdir = 'app'", "workdir: must be an absolute path in the container, without .."),
        ("user = []", "user: must be a text in quotes"),
        ("image = 'x'", "image: there is no image 'x'; there is default"),
        ("image = 'defualt'", "image: there is no image 'defualt'; did you mean default?"),
    ],
)
def test_a_wrong_value_is_refused_in_words(refused: Refused, keys: str, problem: str) -> None:
    """A person reads what is right, not what a validator calls it."""
    assert refused(f"[targets.web]\nscript = 'app.py'\n{keys}") == [f"3: targets.web.{problem}"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[targets]\nweb = {}",
            "2: targets.web: a target has one of script, module and command; this one has none",
        ),
        ("[targets]\nweb = { command = '' }", "2: targets.web.command: must not be empty"),
        (
            "[targets]\nweb = '../app.py'",
            "2: targets.web.script: a script lies inside the project; its path is relative to it",
        ),
        (
            "[targets]\nweb = 'ap.py'",
            "2: targets.web.script: there is no file 'ap.py'; did you mean 'app.py'?",
        ),
        (
            "[targets]",
            "1: targets: no targets are named; leave [targets] out to run the Dockerfile's own command",
        ),
        ("[project]\nname = ''", "2: project.name: must not be empty"),
        ("[image]\ncontext = 'no'", "2: image.context: there is no folder 'no'"),
        ("[images.a]\n[images.b]", "1: images: there are several images, and no [targets] that run them"),
        (
            "[image]\n[images.a]\n[targets]\nweb='app.py'",
            "1: image: there is [image] for one image and [images.NAME] for several; use one of them",
        ),
        (
            "[targets]\nweb='app.py'\nWeb='app.py'",
            "3: targets.Web: would be called the same as web in Docker: web",
        ),
        (
            "[targets]\n'a b'='app.py'",
            '2: targets."a b": a name has no spaces and none of / : @, and does not begin with a dash',
        ),
        (
            "[images.a]\n[images.b]\n[targets]\nweb='app.py'",
            "4: targets.web: there are several images; choose one by `image`: a, b",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(refused: Refused, text: str, problem: str) -> None:
    """Rules over several keys, and over keys and the disk."""
    assert refused(text) == [problem]


def test_a_missing_dockerfile_is_told_with_its_remedy(read: Read, root: Path) -> None:
    """The file may not mention it at all: then there is no line to name."""
    (root / "Dockerfile").unlink()

    with pytest.raises(ConfigError) as caught:
        read("")

    assert caught.value.message == (
        f"{root}/devrun.toml: image.dockerfile: there is no file 'Dockerfile' in the build context"
    )
    assert caught.value.hint == "write one, or name yours: dockerfile = ..., in [image]"
    assert caught.value.exit_code == ExitCode.USAGE


def test_a_key_is_shown_on_one_line_whatever_it_holds(refused: Refused) -> None:
    """A key with a line end must not look like another problem."""
    assert refused('"a\\nb" = 1') == [
        '1: "a\\nb": unknown key; known are project, image, images, mount, network-sandbox, targets'
    ]


def test_more_problems_than_a_person_mends_are_counted(refused: Refused) -> None:
    """The list ends at fifty."""
    problems = refused("".join(f"k{number} = 1\n" for number in range(60)))

    assert len(problems) == 51
    assert problems[-1].endswith("and 10 more problems")


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("[targets]\nweb = '${SECRET}'", {"SECRET": "hunter2.py"}),
        ("[image]\ndockerfile = '${SECRET}'\ncontext = '${SECRET}'", {"SECRET": "hunter2"}),
        ("[targets.web]\nscript = 'app.py'\nports = ['${SECRET}']", {"SECRET": "hunter2"}),
        (
            "[targets.web]\nscript = 'app.py'\nimage = '${SECRET}'\nenv-file = '${SECRET}'",
            {"SECRET": "hunter2"},
        ),
        (
            "[targets.web]\nscript = 'app.py'\nrestart-on = '${SECRET}'\nuser = ['${SECRET}']",
            {"SECRET": "hunter2"},
        ),
        ("[targets.web]\ncommand = '\"${SECRET}'\nenv.A = ['${SECRET}']", {"SECRET": "hunter2"}),
        ("[targets.web]\nscript = 'app.py'\nenv.A = ['hunter2']\nstop-signal = 'hunter2'", {}),
    ],
)
def test_a_message_never_quotes_what_the_environment_holds(
    read: Read, text: str, environment: Mapping[str, str]
) -> None:
    """It may be a secret; a path is named as the file writes it."""
    with pytest.raises(ConfigError) as caught:
        read(text, environment)

    assert "hunter2" not in f"{caught.value.message} {caught.value.hint} {caught.value!r}"


def test_an_error_of_toml_is_told_with_its_line(refused: Refused) -> None:
    """Without a tree there is one problem only."""
    (problem,) = refused('[targets]\nweb = "app.py\n')
    assert problem.startswith("2: ")


def test_toml_1_1_is_understood(read: Read) -> None:
    """Inline tables may go over lines and end with a comma, on every Python."""
    project = read('[targets]\nweb = {\n  script = "app.py",  # the page\n  env = { A = "\\e" },\n}\n')

    assert project.targets[TargetName("web")].env == {"A": "\x1b"}


def test_without_targets_the_one_target_is_what_the_image_starts(read: Read, root: Path) -> None:
    """An empty file is a whole configuration, named after its folder."""
    project = read("")

    (only,) = project.targets.values()
    assert only.program == ImageCommand()
    assert only.mount is not None
    assert only.mount.source == root
    assert project.name == "hello"
    assert project.file == root / "devrun.toml"


def test_the_project_is_where_the_link_to_its_file_lies(read: Read, root: Path, tmp_path: Path) -> None:
    """A configuration that is kept elsewhere is still about the folder that links to it."""
    (tmp_path / "kept.toml").write_text('[targets]\nweb = "app.py"\n')
    (root / "devrun.toml").symlink_to(tmp_path / "kept.toml")

    assert load(root / "devrun.toml", {}).root == root


def test_a_script_may_be_missing_where_nothing_is_mounted(read: Read) -> None:
    """The image carries its code; the path is one of the image."""
    project = read("mount = false\n[targets]\nweb = 'made.py'\n")

    target = project.targets[TargetName("web")]
    assert (target.program, target.mount) == (Script("made.py"), None)


@pytest.mark.parametrize(
    "text", ["[project]\nname = '${NAME}'\nunknown = 1", "[project]\nname = 'shop'\n[targets]\nweb = 'no.py'"]
)
def test_an_invalid_file_still_says_whose_containers_are_whose(root: Path, text: str) -> None:
    """`devrun down` must find them by the name that a valid file gave them."""
    file = root / "devrun.toml"
    file.write_text("[project]\nname = 'shop'\n")
    valid = load(file, {})
    file.write_text(text)
    broken = load_identity(file, {"NAME": "shop"})

    assert (broken.name, broken.slug, broken.key) == (valid.name, valid.slug, valid.key)


@pytest.mark.parametrize("text", ["[project", "project = 5", "[project]\nname = 5", "[project]\nname = ''"])
def test_a_file_without_a_usable_name_goes_by_its_folder(root: Path, text: str) -> None:
    """That is the default of a valid file too."""
    (root / "devrun.toml").write_text(text)

    assert load_identity(root / "devrun.toml", {}).name == "hello"
