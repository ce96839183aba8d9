"""`matdisc up`, `api`, `worker` and `backup`: the submission service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from matdisc.board import open_board
from matdisc.cli.common import HERE, BoardOption
from matdisc.cli.runs import AddressOption, WorkersOption

if TYPE_CHECKING:
    from matdisc.service.settings import Settings

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder of the service; default: service in the board's folder.")
]
HostOption = Annotated[str, typer.Option("--host", help="Address to listen at; one that others reach needs a token.")]
PortOption = Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="0: a free one.")]
ProxyOption = Annotated[
    str | None,
    typer.Option("--behind-proxy", metavar="ADDRESS", help="Proxy, or its network, whose X-Forwarded-For is believed."),
]
LogOption = Annotated[Literal["text", "json"], typer.Option("--log-format", help="text or json, to standard error.")]
SupervisedOption = Annotated[bool, typer.Option("--supervised", hidden=True)]
ListenerOption = Annotated[int | None, typer.Option("--listener", hidden=True)]
UrlOption = Annotated[str | None, typer.Option("--url", hidden=True)]


def up(
    board: BoardOption = HERE,
    home: HomeOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    workers: WorkersOption = None,
    address: AddressOption = None,
    behind_proxy: ProxyOption = None,
    log_format: LogOption = "text",
) -> None:
    """Run the submission service on this machine: API, web pages, site and worker. Ctrl-C ends it in good order.

    The first start makes the service's folder and its settings. A part that dies is started again.

    Example: matdisc up --board my-board
    """
    settings = _settings(board, home)
    from matdisc.service.logs import configure_logs
    from matdisc.service.serve import checked_proxy
    from matdisc.service.up import Start, run_service

    start = Start(host, port, checked_proxy(behind_proxy), workers, address, log_format)
    configure_logs("up", log_format)
    run_service(settings, start, typer.echo)


def api(
    board: BoardOption = HERE,
    home: HomeOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    behind_proxy: ProxyOption = None,
    log_format: LogOption = "text",
    supervised: SupervisedOption = False,
    listener: ListenerOption = None,
    url: UrlOption = None,
) -> None:
    """Run the service's API and web pages alone; workers run elsewhere, on the same database, files and board.

    Example: matdisc api --host 0.0.0.0 --behind-proxy 10.0.0.5
    """
    _begin("api", supervised, log_format)
    settings = _settings(board, home, url)
    import socket

    from matdisc.service.blobs import open_blobs
    from matdisc.service.serve import checked_proxy, listen, refuse_open_door, serve
    from matdisc.service.store.database import open_store

    proxy = checked_proxy(behind_proxy)
    with listen(host, port) if listener is None else socket.socket(fileno=listener) as door:
        store = open_store(settings.database)
        try:
            if listener is None:
                refuse_open_door(settings, store, host)
                typer.echo(f"matdisc: http://{host}:{door.getsockname()[1]} (Ctrl-C ends it)", err=True)
            serve(settings, store, open_blobs(settings.blobs), door, proxy)
        finally:
            store.close()


def worker(
    board: BoardOption = HERE,
    home: HomeOption = None,
    workers: WorkersOption = None,
    address: AddressOption = None,
    log_format: LogOption = "text",
    supervised: SupervisedOption = False,
    url: UrlOption = None,
) -> None:
    """Run a worker of the service: it evaluates submissions on Ray, here or on a cluster, and publishes results.

    Any number may run, on one machine or on several.

    Example: matdisc worker --workers 8
    """
    _begin("worker", supervised, log_format)
    settings = _settings(board, home, url)
    from matdisc.interrupts import stop_requested
    from matdisc.service.worker.loop import work

    with stop_requested() as stop:
        work(settings, workers=workers, address=address, stop=stop.is_set)


def backup(
    target: Annotated[Path, typer.Argument(help="Folder to make.")],
    board: BoardOption = HERE,
    home: HomeOption = None,
    files_only: Annotated[
        bool, typer.Option("--files-only", help="Leave the database out; it was saved before.")
    ] = False,
) -> None:
    """Copy the service's database, files and settings while it runs. Copying the folder back restores it.

    Example: matdisc backup /backups/2026-01-31
    """
    settings = _settings(board, home)
    from matdisc.service.backup import back_up

    done = back_up(settings, target, files_only=files_only)
    counted = "" if done.submissions is None else f"{done.submissions} submissions, "
    typer.echo(f"backup: {done.path} ({counted}{done.files} files, {done.bytes / 2**20:.1f} MiB)")
    for note in done.notes:
        typer.echo(f"note: {note}")
    for problem in done.problems:
        typer.echo(f"problem: {problem}", err=True)
    raise typer.Exit(bool(done.problems))


def _begin(process: str, supervised: bool, log_format: Literal["text", "json"]) -> None:
    """Begin a process of the service: first of all with its end, then with its logs."""
    if supervised:
        from matdisc.service.supervisor import end_with_supervisor

        end_with_supervisor()
    from matdisc.service.logs import configure_logs

    configure_logs(process, log_format)


def _settings(board: Path, home: Path | None, url: str | None = None) -> Settings:
    """Return the settings of a service on a board; without `public_url` among them it is reached at `url`.

    Raises:
        ExtraError: If a package of the service is missing.
        CardError: If there is no board.
    """
    from matdisc.service.serve import require_packages
    from matdisc.service.settings import load_settings

    require_packages()
    settings = load_settings(open_board(board).root.absolute(), None if home is None else home.absolute())
    if url is None or "public_url" in settings.web.model_fields_set:
        return settings
    return settings.model_copy(update={"web": settings.web.model_copy(update={"public_url": url})})
