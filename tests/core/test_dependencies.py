"""Targets that need one another: who waits for whom, with which words, and who is wanted because of it."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from devrun.config.project import CommandCheck, Healthcheck, ImageName, Port, Script, TargetConfig, TargetName
from devrun.core.actions import Action, InspectTarget, RestartContainer, StopContainer
from devrun.core.decide import is_settled
from devrun.core.events import (
    ActionStarted,
    ContainerTouched,
    Failed,
    OutputEnded,
    RestartRequested,
    StartRequested,
    StopRequested,
    TargetReady,
    TargetUnready,
)
from devrun.core.report import report
from devrun.core.values import ContainerId, Phase
from devrun.core.waiting import Reached, targets_of, verdict
from tests.core.story import Needs, Story, needing

WEB, API, DB = TargetName("web"), TargetName("api"), TargetName("db")
TWO = {"web": ["app.py", "lib.py"], "db": ["db.py", "lib.py"]}
THREE = {"web": ["app.py", "lib.py"], "api": ["api.py", "lib.py"], "db": ["db.py", "lib.py"]}
CHAIN = {"web": {"api": "started"}, "api": {"db": "healthy"}}
PORTS = (Port(80, 8000),)


def two(condition: str = "started", **options: Iterable[str]) -> Story:
    """Return the beginning of a story of `web`, which needs `db`."""
    return Story(TWO, needs={"web": {"db": condition}}, idle=options.get("idle", ())).connected()


def at_rest(condition: str = "started", *, chain: bool = False) -> Story:
    """Return a story in which all runs and is ready, a minute later."""
    needs: Needs = CHAIN if chain else {"web": {"db": condition}}
    story = Story(THREE if chain else TWO, needs=needs).connected()
    story.is_probed = condition != "completed"
    story.settle()
    story.passed(60)
    return story


def completed() -> Story:
    """Return a story in which `db` has done its work, and `web` runs because of it."""
    story = at_rest("completed")
    story.crashed("db", 0)
    story.settle()
    assert story.target().is_running
    return story


def starts(lines: Iterable[str]) -> list[str]:
    """Return the starts and stops among the lines of a story, shortened."""
    kinds = {"RecreateContainer": "create", "RestartContainer": "restart", "StopContainer": "stop"}
    words = [line.split() for line in lines]
    return [f"{kinds[kind]} {name[:-1]}" for _, name, kind, *_ in words if kind in kinds]


def begin(story: Story, kind: type[Action], name: TargetName) -> Action:
    """Begin the decided action of this kind for a target, without its end."""
    decided = [action for action in story.due() if isinstance(action, kind)]
    (action,) = [action for action in decided if getattr(action, "target", "") == name]
    story.tell(ActionStarted(story.passed(0.01), action))
    return action


def says(story: Story, *names: str) -> list[str]:
    """Return the verdict for a wait as lines."""
    said = verdict(story.state, frozenset(map(TargetName, names)))
    head = said.ending.value if isinstance(said, Reached) else "waits"
    obstacles = said.problems if isinstance(said, Reached) else said.obstacles
    return [f"{head}: {one.subject}: {one.error}" for one in obstacles] or [head]


# The order of starts


def test_what_is_needed_starts_first() -> None:
    """However the file orders them."""
    assert starts(two().settle()) == ["create db", "create web"]


def test_what_has_to_be_healthy_is_waited_for() -> None:
    """Until it is found to be ready in its present run."""
    story = two("healthy")
    assert starts(story.settle()) == ["create db"]
    assert story.holds()["web"] == "waiting for db: not healthy yet"
    story.tell(TargetReady(story.now, DB, (ContainerId("another"), 1.0)))
    assert story.settle()[0] == "target web: waiting for db: not healthy yet"
    assert not is_settled(story.state)
    story.found_ready("db")

    assert starts(story.settle()) == ["create web"]


def test_what_has_to_be_completed_is_waited_for() -> None:
    """Until it has ended with 0."""
    story = two("completed")
    assert starts(story.settle()) == ["create db"]
    assert story.holds()["web"] == "waiting for db: it still runs"
    story.crashed("db", 0)

    assert starts(story.settle()) == ["create web"]


@pytest.mark.parametrize(
    ("condition", "phase", "code", "missing"),
    [
        ("started", Phase.RUNNING, 0, ""),
        ("started", Phase.EXITED, 0, ""),
        ("started", Phase.EXITED, 3, "it exited with 3"),
        ("started", Phase.PAUSED, 0, "it is paused"),
        ("started", Phase.CREATED, 0, "not started yet"),
        ("healthy", Phase.RUNNING, 0, ""),
        ("healthy", Phase.EXITED, 0, "it has ended"),
        ("healthy", Phase.EXITED, 3, "it exited with 3"),
        ("completed", Phase.RUNNING, 0, "it still runs"),
        ("completed", Phase.EXITED, 0, ""),
        ("completed", Phase.EXITED, 3, "it exited with 3"),
    ],
)
def test_each_condition_has_its_words(condition: str, phase: Phase, code: int, missing: str) -> None:
    """For whatever the dependency does."""
    story = at_rest() if condition != "completed" else completed()
    story.reloaded(replace(story.config(), depends_on=needing(db=condition)))
    story.world.containers[DB] = [replace(story.container("db"), phase=phase, exit_code=code)]
    story.tell(ContainerTouched(story.now, DB))
    story.vanished("web")

    assert starts(story.settle()) == ([] if missing else ["create web"])
    assert story.holds()["web"] == (f"waiting for db: {missing}" if missing else "up to date")


def test_a_start_that_did_not_happen_is_not_waited_for_in_vain() -> None:
    """The next one is."""
    story = two()
    story.failing["RecreateContainer"] = Failed("no")
    assert story.settle()[-2:] == ["target web: waiting for db: not started yet", "target db: no"]
    story.failing.clear()
    story.tell(RestartRequested(story.now, (DB,)))

    assert starts(story.settle()) == ["create db", "create web"]


def test_one_that_is_being_looked_at_or_started_is_waited_for() -> None:
    """Nobody knows yet what it will be."""
    story = at_rest()
    story.vanished("web")
    begin(story, InspectTarget, WEB)
    story.finish(InspectTarget(WEB, story.target().observed_revision, "not known"))
    story.tell(ContainerTouched(story.now, DB))
    assert story.holds()["web"] == "waiting for db: it is being looked at"
    story.finish(begin(story, InspectTarget, DB))
    story.changed("db.py")
    assert story.holds()["web"] == "waiting for db: it is being started"
    restart = begin(story, RestartContainer, DB)
    assert story.holds()["web"] == "waiting for db: it is being started"
    story.finish(restart)

    assert starts(story.settle()) == ["create web"]


def test_an_edit_that_concerns_both_restarts_what_is_needed_first() -> None:
    """And waits until it is healthy again."""
    story = at_rest("healthy")
    story.is_probed = False
    story.changed("lib.py")
    assert starts(story.settle()) == ["restart db"]
    assert story.holds()["web"] == "waiting for db: not healthy yet"
    assert story.target().is_running
    story.found_ready("db")

    assert starts(story.settle()) == ["restart web"]


def test_a_chain_is_restarted_in_its_order() -> None:
    """The hold says what the one in the middle waits for."""
    story = at_rest(chain=True)
    story.is_probed = False
    story.changed("lib.py")
    assert starts(story.settle()) == ["restart db"]
    assert story.holds()["web"] == "waiting for api: waiting for db: not healthy yet"
    story.found_ready("db")

    assert starts(story.settle()) == ["restart api", "restart web"]


def test_a_program_of_the_newest_source_has_to_have_completed() -> None:
    """The one before it does not count."""
    story = completed()
    story.failing["RestartContainer"] = Failed("no")
    story.changed("lib.py")
    assert story.settle() == [
        "target db: RestartContainer (lib.py changed)",
        "target web: waiting for db: its newest source has not run yet",
        "target db: no",
    ]
    story.failing.clear()
    story.tell(RestartRequested(story.now, (DB,)))
    assert starts(story.settle()) == ["restart db"]
    assert story.holds()["web"] == "waiting for db: it still runs"
    story.crashed("db", 0)

    assert starts(story.settle()) == ["restart web"]


def test_a_dependency_that_is_no_longer_as_it_should_be_stops_nobody() -> None:
    """Nor does its restart."""
    story = at_rest("healthy")
    story.changed("db.py")
    assert starts(story.settle()) == ["restart db"]
    story.crashed("db", 1)

    assert story.settle() == ["target web: up to date", "target db: crashed 1"]


def test_a_dependency_that_runs_on_with_old_source_holds_back_nobody() -> None:
    """Its newest source does not parse; whoever needs it has what it needs."""
    story = at_rest("healthy")
    story.changed("db.py", content="INVALID")
    story.changed("app.py")

    assert story.settle() == [
        "target web: RestartContainer (app.py changed)",
        "target web: up to date",
        "target db: db.py:1: invalid syntax",
    ]


# Who is wanted


def test_what_a_wanted_target_needs_is_wanted_too() -> None:
    """Also what is not started by itself, and what that needs in turn."""
    story = Story(THREE, needs=CHAIN, idle=["api", "db"]).connected()
    story.is_probed = True

    assert starts(story.settle()) == ["create db", "create api", "create web"]


def test_what_a_chosen_target_needs_is_chosen_with_it() -> None:
    """Nothing else is."""
    story = Story({**THREE, "job": ["job.py"]}, needs=CHAIN, only=frozenset({API})).connected()
    story.is_probed = True

    assert starts(story.settle()) == ["create db", "create api"]
    assert story.holds()["job"] == "stopped"


@pytest.mark.parametrize("wish", [StartRequested, RestartRequested])
def test_a_start_that_is_asked_for_brings_what_it_needs(
    wish: type[StartRequested | RestartRequested],
) -> None:
    """And goes on with what runs."""
    story = Story(THREE, needs=CHAIN, idle=THREE).connected()
    story.is_probed = True
    story.settle()
    story.tell(wish(story.now, (API, TargetName("nobody"))))
    assert starts(story.settle()) == ["create db", "create api"]
    story.tell(wish(story.now, (WEB,)))

    assert starts(story.settle()) == ["create web"]


def test_what_has_done_its_work_is_not_run_again_for_a_restart() -> None:
    """It is as it has to be."""
    story = completed()
    story.tell(RestartRequested(story.now, (WEB,)))

    assert starts(story.settle()) == ["restart web"]


def test_what_the_user_stopped_stays_stopped() -> None:
    """Whoever needs it waits and says so, and goes on where it runs; what that one needs is not asked for."""
    story = at_rest(chain=True)
    story.tell(StopRequested(story.now, (API,)))
    story.tell(StopRequested(story.now, (DB,)))
    story.tell(StartRequested(story.now, (WEB,)))
    assert starts(story.settle()) == ["stop api", "stop db"]
    assert story.holds()["web"] == "up to date"
    story.tell(RestartRequested(story.now, (WEB,)))
    assert story.settle()[0] == "target web: waiting for api: it is stopped"
    assert story.target().is_running
    story.tell(StartRequested(story.now, (DB,)))
    story.tell(StartRequested(story.now, (API,)))

    assert starts(story.settle()) == ["restart db", "restart api", "restart web"]


def test_two_that_need_the_same_one_have_it_started_once() -> None:
    """It is asked for by both."""
    needs = {"web": {"api": "started", "db": "started"}, "api": {"db": "started"}}
    story = Story(THREE, needs=needs, idle=["db"]).connected()

    assert starts(story.settle()) == ["create db", "create api", "create web"]


def test_a_reload_brings_what_is_needed_by_then() -> None:
    """The dependency may have been there all the time."""
    story = Story(TWO, idle=["db"]).connected()
    story.settle()
    story.reloaded(replace(story.config(), depends_on=needing(db="started")))

    assert story.settle() == [
        "target db: RecreateContainer (no container)",
        "target web: up to date",
        "target db: up to date",
    ]


def test_a_new_target_brings_what_it_needs() -> None:
    """Though the user chose others."""
    story = Story({"web": ["app.py"]}, only=frozenset({WEB})).connected()
    story.settle()
    db = TargetConfig(DB, ImageName("default"), Script("db.py"))
    job = replace(db, name=TargetName("job"))
    story.reloaded(db, job, replace(story.config(), depends_on=needing(db="started")))

    assert starts(story.settle()) == ["create db"]


def test_a_new_target_waits_for_what_it_needs() -> None:
    """From its first start on."""
    story = Story({"db": ["db.py"]}).connected()
    story.settle()
    config = TargetConfig(WEB, ImageName("default"), Script("app.py"), depends_on=needing(db="healthy"))
    story.reloaded(config)
    assert story.settle()[-1] == "target web: waiting for db: not healthy yet"
    story.reloaded(replace(config, depends_on=()))

    assert starts(story.settle()) == ["create web"]


def test_what_is_needed_is_not_run_again_because_nobody_else_starts_it() -> None:
    """It has completed, and is wanted still."""
    story = completed()
    story.reloaded(replace(story.config("db"), autostart=False))

    assert story.settle() == ["target web: up to date", "target db: exited 0"]


def test_a_target_that_leaves_needs_nobody() -> None:
    """What it needed may leave with it, and sooner."""
    story = at_rest()
    story.reloaded(removed=["web", "db"])
    removal = [action for action in story.due() if getattr(action, "target", "") == DB]
    story.tell(ActionStarted(story.now, removal[0]))
    story.finish(removal[0])
    story.tell(RestartRequested(story.now, (WEB,)))

    story.settle()
    assert story.state.targets == {}


# Ports


def test_a_dependency_that_takes_over_a_port_gets_it() -> None:
    """Whoever has it stops first, since it cannot be started anew before the other one."""
    story = at_rest("healthy")
    story.reloaded(replace(story.config(), ports=PORTS))
    story.settle()
    story.reloaded(replace(story.config(), ports=()), replace(story.config("db"), ports=PORTS))

    assert starts(story.settle()) == ["stop web", "create db", "create web"]


def test_a_port_that_is_needed_further_down_is_given_up_too() -> None:
    """By way of others, and of what they wait for themselves."""
    story = Story({**THREE, "job": ["job.py"]}, needs=CHAIN).connected()
    story.is_probed = True
    story.reloaded(
        replace(story.config(), ports=PORTS),
        replace(story.config("job"), ports=(Port(80, 8001),)),
    )
    story.settle()
    story.reloaded(
        replace(story.config(), ports=()),
        replace(story.config("api"), env={"A": "1"}, depends_on=needing(db="healthy", job="started")),
        replace(story.config("db"), ports=(Port(80, 8001),)),
        replace(story.config("job"), ports=PORTS),
    )

    done = starts(story.settle())
    assert (done[0], done[-1]) == ("stop web", "create web")
    assert done.index("create job") < done.index("create db")
    assert not story.world.refused


def test_a_stop_for_a_port_that_is_refused_is_said() -> None:
    """It holds what waits for it."""
    story = at_rest("healthy")
    story.reloaded(replace(story.config(), ports=PORTS))
    story.settle()
    story.failing["StopContainer"] = Failed("no")
    story.reloaded(replace(story.config(), ports=()), replace(story.config("db"), ports=PORTS))
    begun = story.begin(StopContainer)
    assert getattr(begun, "cause", "") == "db gets its port"
    story.finish(begun)
    story.settle()

    assert story.holds()["web"] == "no"


# What a wait, and the report, say


def test_a_wait_is_for_what_is_needed_too() -> None:
    """Also by a name that does not say so."""
    story = at_rest(chain=True)

    assert set(targets_of(story.state, frozenset({WEB}))) == {WEB, API, DB}
    assert says(story, "web") == ["ready"]


def test_a_wait_goes_on_while_a_dependency_may_become_healthy() -> None:
    """At rest, too."""
    story = two("healthy")
    story.settle()

    assert says(story) == [
        "waits: target web: waiting for db: not healthy yet",
        "waits: target db: it is starting",
    ]
    story.is_probed = True
    story.settle()
    assert says(story) == ["ready"]


def test_a_wait_ends_with_the_dependency_that_is_at_fault() -> None:
    """Whoever waits for it does nothing wrong."""
    story = at_rest()
    story.crashed("db")
    story.settle()
    story.tell(OutputEnded(story.now, DB, (), story.container("db").run_id))
    story.changed("app.py")
    story.settle()

    assert says(story, "web") == ["failed: target db: exited with 1"]


def test_a_wait_for_something_that_has_ended_is_in_vain() -> None:
    """Nothing is wrong with it but that somebody needs it to go on."""
    story = at_rest("healthy")
    story.crashed("db", 0)
    story.settle()
    story.changed("app.py")
    story.settle()

    assert says(story) == ["failed: target web: waiting for db: it has ended"]


def test_a_wait_for_a_stopped_dependency_is_in_vain() -> None:
    """It is named."""
    story = at_rest()
    story.tell(StopRequested(story.now, (DB,)))
    story.settle()
    story.changed("app.py")
    story.settle()

    assert says(story) == ["failed: target db: it is stopped"]


def test_what_is_missing_for_a_run_to_be_ready_is_said() -> None:
    """By the wait and by the report, for as long as it is so, and of that run only."""

    def unready() -> str:
        return report(story.state, pid=1, started=0.0, engine="").targets["web"].unready

    story = Story({"web": ["app.py"]}).connected()
    story.reloaded(
        replace(story.config(), ports=PORTS, healthcheck=Healthcheck(CommandCheck(("pg_isready",))))
    )
    assert unready() == ""
    story.settle()
    assert says(story) == ["waits: target web: it is starting"]
    story.tell(TargetUnready(story.now, WEB, story.container().run_id, "pg_isready exits with 2"))
    assert says(story) == ["waits: target web: pg_isready exits with 2"]
    assert unready() == "pg_isready exits with 2"

    story.changed("app.py")
    story.settle()
    assert says(story) == ["waits: target web: it is starting"]
    story.found_ready()
    assert (says(story), unready()) == (["ready"], "")
