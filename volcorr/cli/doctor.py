"""``volcorr doctor``: whether this installation is whole and works."""

import click

__all__ = ["doctor"]


@click.command(short_help="Check this installation.", epilog="\b\nExample:\n  volcorr doctor")
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Check the installation: versions, packages, threads, and a correlation of known result.

    Leaves with exit code 1 when something is wrong, and says what to do.
    """
    from volcorr.doctor import examine, format_checks

    checks = examine()
    click.echo(format_checks(checks))
    if any(check.state == "fault" for check in checks):
        ctx.exit(1)
