"""Thousands of random stories - edits, commands, failures, crashes, outages - that must all end well.

Actions begin and end in any order, so that everything happens during everything else. In the end every wanted
target runs the newest source in the image of the newest inputs, with one container and no others.
"""

import random
from dataclasses import replace

import pytest

from devrun.config.project import ImageName, Port, TargetName
from devrun.core.actions import Action, BuildImage, CancelBuild, RecreateContainer, RestartContainer
from devrun.core.decide import Hold, HoldKind, decide_image, decide_target, is_settled
from devrun.core.events import (
    ActionFinished,
    ActionStarted,
    Cancelled,
    ContainerTouched,
    EngineConnected,
    EngineLost,
    Event,
    Failed,
    GitEnded,
    GitStarted,
    ImageTouched,
    Lost,
    Outcome,
    RebuildRequested,
    RestartRequested,
    StartRequested,
    StopRequested,
)
from devrun.core.values import ContainerId, Phase
from tests.core.story import Story, World

TARGETS = {"web": ["app.py", "lib.py"], "worker": ["worker.py", "lib.py"], "tool": ["tool.py"]}
IMAGES = {"default": ["requirements.txt"], "other": ["other.txt", "requirements.txt"]}
NEEDS = {"web": {"worker": "healthy", "tool": "started"}, "worker": {"tool": "healthy"}}
PATHS = ["app.py", "lib.py", "worker.py", "tool.py", "requirements.txt", "other.txt"]


class Teller:
    """Makes things happen by chance."""

    def __init__(self, seed: int, *, failures: bool) -> None:
        self.chance = random.Random(seed)
        self.failures = failures
        # Another Python than ours is asked about all that is saved.
        world = World(python="cpython-39")
        self.story = Story(TARGETS, images=IMAGES, chosen={"worker": "other"}, needs=NEEDS, world=world)
        self.running: list[tuple[Action, Outcome]] = []

    def tell(self, length: int) -> None:
        """Tell `length` random things, and work in between."""
        happenings = [self.edit, self.edit, self.work, self.work, self.work, self.end, self.end, self.end]
        happenings += [
            self.command,
            self.probe,
            self.harm,
            self.outage,
            self.new_daemon,
            self.git,
            self.reload,
        ]
        self.story.connected()
        for _ in range(length):
            self.story.passed(self.chance.choice([0.01, 0.5, 5.0]))
            self.chance.choice(happenings)()

    def edit(self) -> None:
        paths = self.chance.sample(PATHS, self.chance.choice([1, 1, 1, 2, 4]))
        content = self.chance.choice([None, None, "a", "b", "a# comment", "INVALID", "NEWER"])
        self.story.changed(*paths, content=content)

    def work(self) -> None:
        due = self.story.due()
        if not due:
            return
        action = self.chance.choice(due)
        assert self.has_what_it_needs(action), action
        self.story.tell(ActionStarted(self.story.passed(0.01), action))
        if isinstance(action, CancelBuild):
            self.running = [
                (
                    other,
                    Cancelled() if isinstance(other, BuildImage) and other.image == action.image else outcome,
                )
                for other, outcome in self.running
            ]
            self.running.append((action, Cancelled()))
            return
        outcome: Outcome
        if self.failures and self.chance.random() < 0.1:
            mishaps: list[Outcome] = [Failed("by chance"), Lost("by chance")]
            outcome = self.chance.choice(mishaps)
        else:
            outcome = self.story.outcome_of(action)
        self.running.append((action, outcome))

    def has_what_it_needs(self, action: Action) -> bool:
        """Tell whether a start begins only where what the target needs runs, or has ended well."""
        if not isinstance(action, RecreateContainer | RestartContainer):
            return True
        needs = self.story.config(action.target).depends_on
        needed = [self.story.world.containers[need.target][0] for need in needs]
        return all(one.phase is Phase.RUNNING or one.exit_code == 0 for one in needed)

    def end(self) -> None:
        if self.running:
            action, outcome = self.running.pop(self.chance.randrange(len(self.running)))
            self.story.tell(ActionFinished(self.story.passed(0.01), action, outcome))

    def command(self) -> None:
        names = (TargetName(self.chance.choice(list(TARGETS))),)
        now = self.story.now
        wishes: list[Event] = [
            RestartRequested(now, names),
            StartRequested(now, names),
            StopRequested(now, names),
        ]
        self.story.tell(self.chance.choice(wishes))
        if self.chance.random() < 0.2:
            self.story.tell(RebuildRequested(self.story.now, (ImageName("default"),)))

    def probe(self) -> None:
        self.story.found_ready(self.chance.choice(list(TARGETS)))

    def harm(self) -> None:
        name = TargetName(self.chance.choice(list(TARGETS)))
        containers = self.story.world.containers.get(name, [])
        if len(containers) != 1:
            return
        match self.chance.randrange(4):
            case 0:
                self.story.crash(name, self.chance.choice([0, 1, 137]))
            case 1:
                self.story.world.containers[name] = []
            case 2:
                self.story.world.containers[name] = [replace(containers[0], phase=Phase.PAUSED)]
            case _:
                self.story.world.images.clear()
                for image in self.story.state.images:
                    self.story.tell(ImageTouched(self.story.now, image))
        self.story.tell(ContainerTouched(self.story.now, name))

    def outage(self) -> None:
        """The engine goes: all that runs is lost, and some containers with it."""
        self.story.tell(EngineLost(self.story.now, "connection refused"))
        self.running = [(action, Lost("connection reset")) for action, _ in self.running]
        while self.running:
            self.end()
        for name, containers in self.story.world.containers.items():
            if containers and self.chance.random() < 0.5:
                self.story.world.containers[name] = [
                    replace(container, phase=Phase.EXITED, exit_code=255) for container in containers
                ]
        self.story.tell(EngineConnected(self.story.passed(1)))

    def new_daemon(self) -> None:
        """Kill -9: what ran is done or not, and a new daemon starts on what is there."""
        old = self.story
        self.running.clear()
        for name, containers in old.world.containers.items():
            if containers and self.chance.random() < 0.2:
                left = replace(
                    containers[0], id=ContainerId(f"left-{old.now}"), phase=Phase.CREATED, started=0.0
                )
                old.world.containers[name] = [*containers[:1], left]
        rows = {name: target.loaded for name, target in old.state.targets.items() if target.loaded}
        fresh = Story(
            TARGETS,
            images=IMAGES,
            chosen={"worker": "other"},
            needs=NEEDS,
            world=old.world,
            disk=old.disk,
            rows=rows if self.chance.random() < 0.7 else {},
            now=old.passed(3),
        )
        fresh.edits = old.edits
        self.story = fresh.connected()

    def reload(self) -> None:
        """Another devrun.toml: targets come and go, exchange ports, choose other images, images come."""
        story = self.story
        for _ in range(self.chance.choice([0, 0, 30])):
            self.work()
            self.end()
        kept = {"web", *self.chance.sample(sorted(TARGETS), 2)}
        ports = self.chance.sample([8000, 8001, 0], len(TARGETS))
        everything = Story(TARGETS, images=IMAGES, chosen={"worker": "other"}, needs=NEEDS).project
        configs = []
        for name, port in zip(sorted(kept), ports, strict=False):
            config = everything.targets[TargetName(name)]
            needs = tuple(n for n in config.depends_on if n.target in kept and self.chance.random() < 0.7)
            image = self.chance.choice([config.image, config.image, ImageName("default")])
            env = {"A": self.chance.choice("12")}
            published = (Port(80, port),) if port else ()
            configs.append(replace(config, image=image, env=env, ports=published, depends_on=needs))
        used = {config.image for config in configs} | {ImageName("default")}
        stage = self.chance.choice([None, None, "dev"])
        images = {
            str(one.name): replace(one, stage=stage) for one in everything.built_images if one.name in used
        }
        saved = self.chance.sample(PATHS, self.chance.choice([0, 0, 1]))
        story.reloaded(*configs, removed=set(TARGETS) - kept, images=images, saved=saved)

    def git(self) -> None:
        self.story.tell(GitStarted(self.story.now))
        self.edit()
        if self.chance.random() < 0.8:
            self.story.tell(GitEnded(self.story.now))

    def close(self) -> list[str]:
        """Let everything come to rest: all valid, all wanted, the engine well."""
        while self.running:
            self.end()
        story = self.story
        invalid = [path for path, text in story.disk.files.items() if "INVALID" in text]
        if invalid:
            story.changed(*invalid, content="valid")
        story.tell(GitEnded(story.now))
        story.tell(EngineConnected(story.passed(100)))
        story.is_probed = True
        lines = story.settle()
        if self.failures or any(self.unfinished()):
            # Failures hold, and what ended, was paused or stopped rests, until the user says otherwise.
            story.tell(RebuildRequested(story.now, tuple(story.state.images)))
            story.tell(RestartRequested(story.now, tuple(story.state.targets)))
            lines += story.settle()
        return lines

    def unfinished(self) -> list[HoldKind]:
        resting = {HoldKind.STOPPED, HoldKind.EXITED, HoldKind.CRASHED, HoldKind.PAUSED, HoldKind.FLAPPING}
        decisions = [decide_target(self.story.state, name) for name in self.story.state.targets]
        return [d.kind for d in decisions if isinstance(d, Hold) and d.kind in resting]


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("block", range(10))
@pytest.mark.parametrize("failures", [False, True], ids=["sound", "failing"])
def test_every_story_ends_with_the_newest_source_in_the_newest_image(block: int, *, failures: bool) -> None:
    """120 stories of up to 60 happenings each; the seed names the story that does not."""
    for seed in range(block * 120, (block + 1) * 120):
        teller = Teller(seed, failures=failures)
        teller.tell(length=10 + seed % 50)
        lines = teller.close()
        story = teller.story

        assert is_settled(story.state), (seed, story.holds(), lines)
        for name in story.project.targets:
            assert story.serves_newest(name), (seed, name, story.holds(), lines)
        for image in story.project.images:
            assert isinstance(decide_image(story.state, image), Hold), (seed, image)
        if not failures:
            assert not story.world.refused, seed
            assert set(story.state.targets) == set(story.project.targets), seed
            assert set(story.state.images) == set(story.project.images), seed


@pytest.mark.usefixtures("unmeasured")
def test_a_restful_story_stays_at_rest() -> None:
    """Asking again and again does nothing: looking at a settled project finds no work."""
    for seed in range(100):
        teller = Teller(seed, failures=False)
        teller.tell(length=40)
        teller.close()
        starts = teller.story.world.starts
        teller.story.tell(EngineConnected(teller.story.passed(100)))
        teller.story.settle()

        assert teller.story.world.starts == starts, seed
