"""A feed keeps the newest of each channel; readers go at their own pace and are told what they lost."""

import threading
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from devrun.control.feed import PAGE, Feed, Numbered, Page, Reader


def a_feed(most: int = 5, weight: int = 1000) -> Feed[str]:
    return Feed(most_items=most, most_weight=weight)


def put(feed: Feed[str], channel: str, texts: Iterable[str], at: float = 1.0) -> None:
    for text in texts:
        feed.put(channel, at, lambda _, text=text: text)  # type: ignore[misc]


def texts(page: Page[str]) -> list[str]:
    return [item.item for item in page.items]


def everything(reader: Reader[str]) -> tuple[list[str], int]:
    """Return all that there is to read, and what was lost."""
    found: list[str] = []
    lost = 0
    while (page := reader.read()).items:
        found += texts(page)
        lost += page.lost
    return found, lost


def test_a_reader_gets_each_item_once_in_the_order_of_all_channels() -> None:
    """What two targets wrote in turn stays so."""
    feed = a_feed()
    reader = feed.reader()
    for channel, text in (("web", "1"), ("job", "2"), ("web", "3")):
        put(feed, channel, [text])

    assert texts(reader.read()) == ["1", "2", "3"]
    put(feed, "new", ["4"])
    assert texts(reader.read()) == ["4"]
    assert texts(reader.read()) == []


def test_a_slow_reader_is_told_how_much_is_gone() -> None:
    """The feed keeps what is newest, not what was not read."""
    feed = a_feed(most=5)
    reader = feed.reader()
    put(feed, "web", map(str, range(12)))

    assert reader.read() == Page(tuple(Numbered(n + 1, 1.0, str(n), 1) for n in range(7, 12)), lost=7)
    assert reader.read() == Page((), 0)


def test_a_flood_pushes_out_only_its_own_past() -> None:
    """A quiet target's last words stay."""
    feed = a_feed(most=3)
    put(feed, "quiet", ["hello"])
    put(feed, "loud", map(str, range(100)))

    assert texts(feed.reader(["quiet"]).read()) == ["hello"]
    assert texts(feed.reader().read()) == ["hello", "97", "98", "99"]


def test_weight_counts_but_the_newest_item_stays() -> None:
    """However long a line is."""
    feed = a_feed(most=100, weight=10)
    for text in ("a", "b", "c"):
        feed.put("web", 1.0, lambda _, text=text: text, weight=4)  # type: ignore[misc]
    assert texts(feed.reader().read()) == ["b", "c"]
    feed.put("web", 1.0, lambda _: "huge", weight=1000)
    assert texts(feed.reader().read()) == ["huge"]


def test_a_reader_may_begin_at_a_number_a_moment_or_the_last_items() -> None:
    """Whichever is later; what is lost before its beginning is no loss."""
    feed = a_feed(most=5)
    for at in range(10):
        put(feed, "web", [str(at)], at=float(at))

    assert everything(feed.reader(after=8)) == (["8", "9"], 0)
    assert everything(feed.reader(since=7.5)) == (["8", "9"], 0)
    assert everything(feed.reader(tail=2)) == (["8", "9"], 0)
    assert everything(feed.reader(tail=0)) == ([], 0)
    assert everything(feed.reader(since=7.5, tail=1)) == (["9"], 0)
    assert everything(feed.reader()) == (["5", "6", "7", "8", "9"], 0)


def test_pages_are_bounded() -> None:
    """Nobody is held up by somebody who reads ten thousand lines."""
    feed = a_feed(most=3 * PAGE)
    put(feed, "web", map(str, range(PAGE + 1)))
    put(feed, "job", ["last"])
    reader = feed.reader()

    assert [len(reader.read().items) for _ in range(3)] == [PAGE, 2, 0]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_nothing_is_lost_without_being_counted(steps: list[tuple[str, bool]]) -> None:
    """Whatever is put and read in whatever order: read and lost are all that was put."""
    feed = a_feed(most=4)
    reader = feed.reader(["a", "b"])
    read: list[str] = []
    lost = 0
    for number, (channel, then_read) in enumerate(steps):
        put(feed, channel, [str(number)])
        if then_read:
            more, gone = everything(reader)
            read, lost = read + more, lost + gone
    more, gone = everything(reader)
    read, lost = read + more, lost + gone

    assert read == sorted(set(read), key=int)
    assert len(read) + lost == sum(channel in "ab" for channel, _ in steps)


def test_a_bell_rings_once_when_there_is_something_to_read() -> None:
    """At once where there is; not for other channels; not after it was taken back."""
    feed = a_feed()
    rung: list[str] = []

    def first() -> None:
        rung.append("first")

    def second() -> None:
        rung.append("second")

    reader = feed.reader(["web"])
    reader.call(first)
    put(feed, "job", ["x"])
    assert rung == []
    put(feed, "web", ["x", "y"])
    assert rung == ["first"]
    reader.call(second)
    assert rung == ["first", "second"]
    reader.read()
    reader.call(second)
    reader.forget(second)
    put(feed, "web", ["z"])
    assert rung == ["first", "second"]


def test_restored_items_keep_their_numbers() -> None:
    """What follows has higher ones."""
    feed = a_feed()
    feed.restore("web", [Numbered(41, 1.0, "old", 1)])
    put(feed, "web", ["new"])

    assert [(item.number, item.item) for item in feed.reader().read().items] == [(41, "old"), (42, "new")]


def test_many_threads_may_write_and_read() -> None:
    """Each line comes out once, in the order of its own writer."""
    feed: Feed[str] = Feed(most_items=10_000, most_weight=10_000)
    reader = feed.reader()

    def write(name: str) -> None:
        put(feed, name, (f"{name}{n}" for n in range(500)))

    writers = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for writer in writers:
        writer.start()
    found: list[str] = []
    while any(writer.is_alive() for writer in writers):
        found += texts(reader.read())
    found += everything(reader)[0]

    assert len(found) == 2000
    for name in "abcd":
        assert [text for text in found if text.startswith(name)] == [f"{name}{n}" for n in range(500)]
