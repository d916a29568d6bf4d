"""What every engine does, the fake one as the real one."""

import threading
from dataclasses import replace
from ipaddress import ip_address

import pytest

from devrun.config.project import (
    Command,
    ImageName,
    Port,
    PrebuiltImage,
    Script,
    TargetConfig,
    TargetName,
)
from devrun.config.surroundings import Device, HostPath, NamedVolume, Surroundings
from devrun.core.values import BuildContext, Container, ContainerId, Fingerprint, ImageId, Phase, Saved
from devrun.engine.protocol import Removal, Touched
from devrun.errors import EngineError, EngineUnreachableError
from tests.e2e.conftest import free_port
from tests.engine.bench import GOES_ON, Bench, Collected, make_target, running, without_init
from tests.engine.builds import FROM

WEB = TargetName("web")
NO_PROGRAM = Command(("/no/such/program",))


@pytest.fixture
def target(bench: Bench) -> TargetConfig:
    """A target whose script says `one` and goes on."""
    bench.write("app.py", f'print("one")\n{GOES_ON}')
    return make_target(bench.root)


def await_lines(bench: Bench, container: Container, count: int) -> list[str]:
    """Return what a container wrote, once it is so many lines; it is stopped by that."""
    with bench.following(container) as lines:
        texts = [line.text for line in lines.until(lambda items: len(items) >= count)]
        bench.engine.stop(None, container.id)
    return texts


def test_a_target_that_was_never_started_has_no_container(bench: Bench) -> None:
    """An engine knows only what it was told to create."""
    assert bench.engine.inspect_target(WEB) == ()
    assert bench.engine.known_targets() == ()


def test_a_first_start_gives_one_running_container(bench: Bench, target: TargetConfig) -> None:
    """The container has the target's spec, the image's id, and a name made of project and target."""
    container = bench.start(target)

    assert bench.engine.inspect_target(WEB) == (container,)
    assert bench.engine.known_targets() == (WEB,)
    assert container.phase is Phase.RUNNING
    assert container.name == f"{bench.project.slug}-web"
    assert (container.image, container.spec) == (bench.image, target.spec)
    assert container.started > 0


def test_what_the_program_writes_is_delivered_with_its_stream(bench: Bench, target: TargetConfig) -> None:
    """Lines come with their stream, their time and their container; reading ends with the program."""
    bench.write("app.py", 'print("out")\nprint("err", file=sys.stderr)\n')
    container = bench.start(target)

    lines = bench.output(container)

    assert sorted((line.stream, line.text) for line in lines) == [("stderr", "err"), ("stdout", "out")]
    assert {line.container for line in lines} == {container.id}


def test_a_restart_loads_the_newest_source_in_the_same_container(bench: Bench, target: TargetConfig) -> None:
    """A restart keeps the container, and its start time names another run."""
    first = bench.start(target)
    await_lines(bench, first, 1)
    bench.write("app.py", f'print("two")\n{GOES_ON}')

    second = bench.engine.restart(target, first.id, ())

    assert (second.id, second.phase) == (first.id, Phase.RUNNING)
    assert second.started > first.started
    assert await_lines(bench, second, 2) == ["one", "two"]


def test_a_stopped_container_stays(bench: Bench, target: TargetConfig) -> None:
    """Stopping twice is the same as stopping once, and a restart brings it back."""
    first = bench.start(target)

    stopped = bench.engine.stop(target, first.id)

    assert (stopped.id, stopped.phase) == (first.id, Phase.EXITED)
    assert bench.engine.stop(None, first.id) == stopped
    assert bench.engine.restart(target, first.id, ()).phase is Phase.RUNNING


def test_a_program_that_ends_leaves_its_exit_code(bench: Bench, target: TargetConfig) -> None:
    """What the program ends with is shown, and reading its output ends."""
    bench.write("app.py", 'print("last")\nraise SystemExit(3)\n')
    container = bench.start(target)

    assert [line.text for line in bench.output(container)] == ["last"]
    (seen,) = bench.engine.inspect_target(WEB)
    assert (seen.phase, seen.exit_code) == (Phase.EXITED, 3)


@pytest.mark.parametrize("is_kept", [True, False], ids=["sandbox", "no-sandbox"])
def test_ports_stay_with_a_program_that_ended_where_its_network_does(
    bench: Bench, target: TargetConfig, *, is_kept: bool
) -> None:
    """Until the target is stopped."""
    bench.write("app.py", 'print("last")\n')
    port = free_port()
    published = replace(target, ports=(Port(5000, port),), network_sandbox=is_kept)
    container = bench.start(published)
    bench.output(container)
    (ended,) = bench.engine.inspect_target(WEB)
    stopped = bench.engine.stop(published, container.id)

    assert ended.keeps_network is is_kept
    assert ended.ports == ((f"127.0.0.1:{port}->5000/tcp",) if is_kept else ())
    assert (stopped.keeps_network, stopped.ports) == (False, ())


def test_a_recreate_leaves_one_container_of_the_usual_name(bench: Bench, target: TargetConfig) -> None:
    """The next container takes the name of the old one, which is gone."""
    first = bench.start(target)
    changed = replace(target, env={"DEBUG": "1"})

    second = bench.engine.recreate(changed, bench.image, first.id)

    assert bench.engine.inspect_target(WEB) == (second,)
    assert second.id != first.id
    assert (second.name, second.spec) == (first.name, changed.spec)


def test_a_program_that_cannot_be_started_leaves_the_old_one_running(
    bench: Bench, target: TargetConfig
) -> None:
    """The error is raised, and the old container runs under its old name."""
    first = bench.start(target)

    with pytest.raises(EngineError, match="/no/such/program"):
        bench.engine.recreate(without_init(target, NO_PROGRAM), bench.image, first.id)

    (left,) = bench.engine.inspect_target(WEB)
    assert (left.id, left.name, left.phase) == (first.id, first.name, Phase.RUNNING)


def test_a_first_start_that_fails_leaves_nothing(bench: Bench, target: TargetConfig) -> None:
    """No half-made container stays."""
    with pytest.raises(EngineError, match="/no/such/program"):
        bench.start(without_init(target, NO_PROGRAM))

    assert bench.engine.inspect_target(WEB) == ()


def test_an_old_container_that_is_gone_is_no_hindrance(bench: Bench, target: TargetConfig) -> None:
    """Somebody may have removed it since it was seen."""
    container = bench.engine.recreate(target, bench.image, ContainerId("0" * 64))

    assert bench.engine.inspect_target(WEB) == (container,)


def test_what_a_crash_left_under_the_name_is_replaced(bench: Bench, target: TargetConfig) -> None:
    """A container of the same target that nobody told of gives way."""
    left = bench.start(target)

    container = bench.start(target)

    assert bench.engine.inspect_target(WEB) == (container,)
    assert container.id != left.id


def test_a_name_that_is_taken_by_another_is_refused(bench: Bench, target: TargetConfig) -> None:
    """The error names the container, and leaves it alone: it is refused again."""
    bench.take_name(f"{bench.project.slug}-web")

    for _ in range(2):
        with pytest.raises(EngineError, match=f"{bench.project.slug}-web.*not devrun's"):
            bench.start(target)
    assert bench.engine.inspect_target(WEB) == ()


def test_an_image_that_is_gone_is_an_error(bench: Bench, target: TargetConfig) -> None:
    """Creating a container of it is refused with the image's name."""
    with pytest.raises(EngineError, match="no such image"):
        bench.engine.recreate(target, ImageId("sha256:" + "0" * 64), None)


def test_a_container_that_is_gone_cannot_be_restarted(bench: Bench, target: TargetConfig) -> None:
    """The error says so."""
    with pytest.raises(EngineError, match="gone"):
        bench.engine.restart(target, ContainerId("0" * 64), ())


def test_removing_what_is_gone_is_no_error(bench: Bench, target: TargetConfig) -> None:
    """Removing is done when nothing is there."""
    container = bench.start(target)

    bench.engine.remove([container.id])
    bench.engine.remove([container.id])

    assert bench.engine.inspect_target(WEB) == ()


def test_everything_of_the_project_can_be_removed(bench: Bench, target: TargetConfig) -> None:
    """The names of the removed containers are returned, and nothing is left to remove."""
    bench.start(target)
    bench.start(make_target(bench.root, Script("app.py"), "worker two"))
    slug = bench.project.slug

    assert bench.engine.remove_everything() == (f"{slug}-web", f"{slug}-worker-two")
    assert bench.engine.known_targets() == ()
    assert bench.engine.remove_everything() == ()


def test_a_target_with_more_rights_is_one_like_any_other(bench: Bench, target: TargetConfig) -> None:
    """It runs, is found by its spec, and in no network of the project."""
    given = Surroundings(
        host_network=True, devices=(Device("/dev/null", "/dev/nothing"),), cap_add=("SYS_PTRACE",)
    )
    asking = replace(target, surroundings=given, network_sandbox=False)
    container = bench.start(asking)

    assert bench.engine.inspect_target(WEB) == (container,)
    assert (container.phase, container.spec) == (Phase.RUNNING, asking.spec)
    assert container.ports == ()


def test_named_volumes_stay_until_they_are_asked_for(bench: Bench, target: TargetConfig) -> None:
    """What a container uses is left, and it is said by which one; afterwards nothing is there to remove."""
    given = Surroundings(volumes=(NamedVolume("data", "/data"), HostPath(bench.root, "/other")))
    container = bench.start(replace(target, surroundings=given))
    name = f"volume {bench.project.slug}-data"

    assert bench.engine.remove_volumes() == Removal(left=(f"{name}: container {container.name} uses it",))
    bench.engine.remove_everything()
    assert bench.engine.remove_volumes() == Removal((name,))
    assert bench.engine.remove_volumes() == Removal()


def test_images_stay_until_they_are_asked_for(bench: Bench) -> None:
    """Only those that were built: what others build is looked for, and left."""
    (image,) = bench.project.built_images
    bench.engine.build_image(image, Fingerprint("f2"), BuildContext(FROM, (), ()), lambda _: None)
    others = PrebuiltImage(ImageName("devrun-test/not-there:1"))

    assert f"image devrun/{bench.project.slug}-default:f2" in bench.engine.remove_images().removed
    assert bench.engine.inspect_image(image) == ()
    assert bench.engine.inspect_image(others) == ()
    assert bench.engine.remove_images() == Removal()


def test_reading_resumes_after_a_line(bench: Bench, target: TargetConfig) -> None:
    """A line at the given time is not repeated, and none after it is left out."""
    bench.write("app.py", "".join(f'print("{number}")\n' for number in range(20)))
    container = bench.start(target)
    lines = bench.output(container)

    later = bench.output(container, since_ns=lines[7].at_ns)

    assert [line.text for line in lines] == [str(number) for number in range(20)]
    assert later == lines[8:]
    assert bench.output(container, last=3) == lines[-3:]


def test_reading_ends_with_the_container(bench: Bench, target: TargetConfig) -> None:
    """Whoever follows the output is let go when the program is stopped."""
    container = bench.start(target)

    with bench.following(container) as lines:
        lines.until(lambda items: len(items) == 1)
        bench.engine.stop(target, container.id)

    assert [line.text for line in lines.items] == ["one"]


def test_the_output_of_a_container_that_is_gone_is_an_error(bench: Bench, target: TargetConfig) -> None:
    """There is nothing to read any more, not even the past."""
    container = bench.start(target)
    bench.engine.remove([container.id])

    with pytest.raises(EngineError, match="gone"):
        bench.output(container)


def test_what_would_be_started_is_said_beforehand(bench: Bench, target: TargetConfig) -> None:
    """The first line is the command; nothing is created for it."""
    assert "app.py" in bench.engine.explain(target, bench.image)[0]
    assert bench.engine.inspect_target(WEB) == ()


def test_closing_ends_all_streams(bench: Bench, target: TargetConfig) -> None:
    """Readers of output and of events go on at once, without an error; later calls are refused."""
    container = bench.start(target)
    connected = threading.Event()
    touched: Collected[Touched] = Collected()

    with (
        running(lambda: bench.engine.watch_events(connected.set, touched.add)),
        bench.following(container) as lines,
    ):
        lines.until(lambda items: len(items) == 1)
        assert connected.wait(20)
        bench.engine.close()

    with pytest.raises(EngineUnreachableError):
        bench.engine.ping()


def test_events_tell_of_targets(bench: Bench, target: TargetConfig) -> None:
    """From `connected` on, every start and end of a container is told of, and none of other projects."""
    connected = threading.Event()
    touched: Collected[Touched] = Collected()

    with running(lambda: bench.engine.watch_events(connected.set, touched.add)):
        assert connected.wait(20)
        container = bench.start(target)
        touched.until(lambda items: Touched(target=WEB) in items)
        seen = len(touched.items)
        bench.engine.stop(target, container.id)
        touched.until(lambda items: len(items) > seen)
        bench.engine.close()

    assert set(touched.items) == {Touched(target=WEB)}


def test_the_container_judges_what_does_not_parse(bench: Bench, target: TargetConfig) -> None:
    """Only files that its own Python does not parse are returned, with its own words."""
    container = bench.start(target)
    (bench.root / "bad.py").write_text("def\n")
    (bench.root / "worse.py").write_text("a = 1\nif a:\n")
    files = [Saved("bad.py", "c1"), Saved("app.py", "c2"), Saved("worse.py", "c3")]

    first, second = sorted(bench.engine.check_syntax(container.id, files), key=str)
    assert (first.saved, first.line, first.message) == (files[0], 1, "invalid syntax")
    assert (second.saved, second.line) == (files[2], 2)


def test_a_command_in_the_container_says_its_exit_code(bench: Bench, target: TargetConfig) -> None:
    """Where it does not end in time, it has none."""
    container = bench.start(target)

    assert bench.engine.probe(container.id, ("true",), 10) == 0
    assert bench.engine.probe(container.id, ("false",), 10) == 1
    assert bench.engine.probe(container.id, ("sleep", "5"), 0.3) is None


def test_a_command_that_is_not_there_is_an_error(bench: Bench, target: TargetConfig) -> None:
    """As is one in a container that does not run."""
    container = bench.start(target)
    with pytest.raises(EngineError, match='the program "/no/such/program" is not in the container'):
        bench.engine.probe(container.id, ("/no/such/program",), 10)
    bench.engine.stop(target, container.id)

    with pytest.raises(EngineError, match="not running"):
        bench.engine.probe(container.id, ("true",), 10)


def test_a_container_has_an_address(bench: Bench, target: TargetConfig) -> None:
    """This machine reaches it there."""
    container = bench.start(target)

    assert str(ip_address(bench.engine.address(container.id))) == bench.engine.address(container.id)
    bench.engine.remove([container.id])
    with pytest.raises(EngineError, match="gone"):
        bench.engine.address(container.id)


def test_a_command_before_the_start_that_fails_leaves_all_as_it_was(
    bench: Bench, target: TargetConfig
) -> None:
    """Neither a restart nor a swap begins; the error says the command and its exit code."""
    first = bench.start(target)
    failing = replace(target, before_start=("false",))

    with pytest.raises(EngineError, match='before-start "false" exits with 1'):
        bench.engine.restart(failing, first.id, ())
    with pytest.raises(EngineError, match='before-start "false" exits with 1'):
        bench.engine.recreate(failing, bench.image, first.id)
    assert bench.engine.inspect_target(WEB) == (first,)


def test_a_command_before_the_start_that_ends_well_is_followed_by_it(
    bench: Bench, target: TargetConfig
) -> None:
    """Nothing else is left of it."""
    ready = replace(target, before_start=("true",))
    first = bench.start(ready)
    second = bench.engine.restart(ready, first.id, ())

    assert (second.id, second.phase) == (first.id, Phase.RUNNING)
    assert second.started > first.started
    assert bench.engine.remove_everything() == (first.name,)


def test_a_command_before_a_start_is_given_up(bench: Bench, target: TargetConfig) -> None:
    """The start is refused then, and so are later ones."""
    slow = replace(target, before_start=("sleep", "60"))
    refused: Collected[str] = Collected()

    def start() -> None:
        with pytest.raises(EngineError, match="given up, because devrun ends") as caught:
            bench.start(slow)
        refused.add(caught.value.message)

    with running(start):
        bench.engine.cancel_before()
    start()
    assert len(refused.items) == 2
    assert bench.engine.remove_everything() == ()


def test_an_engine_says_what_it_is(bench: Bench) -> None:
    """A name and a version, for people."""
    name, _, version = bench.engine.describe().partition(" ")

    assert name.isalpha()
    assert version[:1].isdigit()
    bench.engine.ping()
