"""What is said of a change, in one line."""

from devrun.core.explanation import Effect, Explanation
from devrun.core.values import Digest


def test_a_change_that_does_something_is_summed_up_by_what_it_does() -> None:
    """Images first, since their targets are recreated anyway."""
    explanation = Explanation(
        "requirements.txt",
        images={"default": Effect(acts=True, rule="the Dockerfile"), "other": Effect(acts=False, rule="")},
        targets={"web": Effect(acts=True, rule="`watch`"), "job": Effect(acts=False, rule="")},
    )

    assert explanation.summary == "builds image default, restarts web"
    assert explanation.acts


def test_a_change_that_does_nothing_is_summed_up_by_that() -> None:
    """There is always something to say."""
    assert Explanation("a.txt").summary == "nothing"
    assert not Explanation("a.txt", targets={"web": Effect(acts=False, rule="")}).acts


def test_a_digest_without_a_mount_is_none() -> None:
    """The image carries its code."""
    assert not Digest("")
    assert Digest("1")
