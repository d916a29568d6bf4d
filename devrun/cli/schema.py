"""`devrun schema`: what editors need to know of devrun.toml."""

import click


@click.command("schema")
def command() -> None:
    """Print the JSON schema of devrun.toml, by which editors complete and check it."""
    from devrun.config.json_schema import schema_text

    click.echo(schema_text(), nl=False)
