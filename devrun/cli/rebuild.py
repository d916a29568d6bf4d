"""`devrun rebuild`: images built anew, whatever their inputs say."""

import click

from devrun.cli.main import Options
from devrun.cli.names import complete_images
from devrun.cli.wishes import Wish, active, no_wait, subjects_of
from devrun.errors import ExitCode


@click.command("rebuild")
@click.argument("images", nargs=-1, metavar="[IMAGE...]", shell_complete=complete_images)
@click.option("--no-cache", is_flag=True, help="Without what the builder kept of earlier builds.")
@click.option("--pull", is_flag=True, help="On top of base images that are pulled anew.")
@no_wait
@click.pass_obj
def command(options: Options, images: tuple[str, ...], no_cache: bool, pull: bool, no_wait: bool) -> int:  # noqa: FBT001 - click's way
    """Build images anew, all or some, and swap the containers where that made a difference."""
    wish = Wish(options)
    names = list(images or wish.report.images)
    users = [name for name in active(wish.report) if wish.report.targets[name].image in names]

    def send() -> None:
        for name in names:
            wish.client.rebuild(name, no_cache=no_cache, pull=pull)

    if not users:
        send()
        click.echo("devrun: no running target needs it: it is built when one does", err=True)
        return ExitCode.OK
    return wish.fulfil(
        subjects_of(wish.report, users), send, lambda: wish.until_ready(users), wait=not no_wait
    )
