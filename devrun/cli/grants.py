"""What commands that make containers have in common: nothing beyond them without the user's grant."""

from typing import TYPE_CHECKING

import click

from devrun.cli.main import Options

if TYPE_CHECKING:
    from devrun.config.grants import Grants
    from devrun.config.project import Project

allow_option = click.option(
    "--allow", is_flag=True, help="Grant what devrun.toml asks for beyond its containers, for this run."
)


def granted(options: Options, project: "Project", *, allow: bool) -> "Grants":
    """Return what is granted to a project; raises ConfigError where it asks for more.

    With `allow`, all that it asks for now is granted, and not what a later version of the file may ask for.
    """
    from devrun.config.grants import Grants, grant_for_run

    place = options.place()
    grants = grant_for_run(place.grants, project) if allow else Grants(place.grants)
    grants.require(project)
    if project.demands:
        place.make()  # What is covered in a container has to be there, or an engine would make it its own.
    return grants
