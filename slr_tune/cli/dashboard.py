"""`slr-tune dashboard`: Optuna Dashboard over the studies' database."""

from __future__ import annotations

import warnings

import click

from slr_tune.cli.options import (
    command_named,
    looks_only,
    storage_option,
    tell,
)


@command_named("dashboard", "slr-tune dashboard", "slr-tune dashboard --port 9000")
@storage_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@click.option(
    "--insecure",
    is_flag=True,
    help="Allow an address that other machines can reach; there is no authentication.",
)
@looks_only
def command(storage: str | None, host: str, port: int, insecure: bool) -> int:
    """Serve the studies to a web browser on this machine until Ctrl-C.

    Shows trials, states and learning curves, also while a search runs, with the names of the
    search-space file. It is read-only: nothing you click changes a study.
    """
    from slr_tune.dashboard import LOOPBACK, serve
    from slr_tune.errors import SlrTuneError
    from slr_tune.study.storage import opened_storage

    if host not in LOOPBACK:
        warning = f"the dashboard has no authentication, and {host} can be reached by others"
        if not insecure:
            raise SlrTuneError(
                warning, hint="Leave --host out and forward the port over SSH, or add --insecure."
            )
        tell(f"Warning: {warning}; anybody who reaches it can read every study.")
    # Optuna's own plots warn of small studies at every look.
    warnings.filterwarnings("ignore", module=r"optuna\b")
    with opened_storage(storage) as database:
        serve(database, host=host, port=port, announce=click.echo)
    return 0
