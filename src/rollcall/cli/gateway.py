# SPDX-License-Identifier: Apache-2.0
"""`rollcall gateway`: configurations of other proxies, from the live registry."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rollcall.cli.exits import errors_told
from rollcall.cli.options import Key, examples, services_option
from rollcall.cli.remote import Row, ask
from rollcall.cli.running import server_part, settings_of
from rollcall.cli.told import note
from rollcall.kernel.errors import RollcallError

if TYPE_CHECKING:
    from rollcall.gateway.nginx import NginxOptions, Place

app: Final = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Put another proxy in front of the services."
)
PATH: Final = "/api/v1/admin/instances"
CHECK_SECONDS: Final = 30.0
RegistryUrl = Annotated[str, services_option("--registry-url")]


class Refused(RollcallError):
    """nginx does not take the configuration, or is not there to be asked."""


@app.callback()
def root() -> None:
    """Put another proxy in front of the services."""


@app.command(
    epilog=examples(
        "rollcall gateway nginx",
        "rollcall gateway nginx --check --output /etc/nginx/conf.d/rollcall.conf"
        " && nginx -s reload",
        "rollcall gateway nginx --listen 0.0.0.0:443 --server-name rollcall.example.com"
        " --tls-cert /etc/ssl/rollcall.pem --tls-key /etc/ssl/rollcall.key",
    )
)
def nginx(
    *,
    listen: Annotated[
        str, typer.Option(metavar="ADDRESS:PORT", help="Where nginx listens.")
    ] = "127.0.0.1:8080",
    server_name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="What it is called; repeat it for several."),
    ] = None,
    tls_cert: Annotated[
        str | None, typer.Option(metavar="FILE", help="Its certificate; with --tls-key.")
    ] = None,
    tls_key: Annotated[str | None, typer.Option(metavar="FILE", help="The key of that.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write it there, all at once; else it is printed."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Have `nginx -t` read it before anything is written.")
    ] = False,
    registry_url: RegistryUrl,
    key: Key = None,
) -> None:
    """Print an nginx configuration for the instances that the registry knows now.

    It belongs between the braces of nginx's `http`, as files in /etc/nginx/conf.d do. The settings
    of the gateway in the environment and in .env count: limits, trusted proxies, fixed addresses.
    """
    with errors_told():
        options = _options(listen, server_name or [], tls_cert, tls_key)
    rows = ask(registry_url, key, lambda registry: registry.call("GET", PATH, list[Row]))
    with errors_told():
        text = _configuration(rows, options)
        if check:
            _check(text)
        if output is None:
            typer.echo(text, nl=False)
        elif _write(text, output):
            note(f"{output} is written; `nginx -s reload` has nginx read it")
        else:
            note(f"{output} says so already")


def _options(
    listen: str, names: list[str], certificate: str | None, key: str | None
) -> NginxOptions:
    with server_part():
        from rollcall.app.gateway import nginx_options
    return nginx_options(settings_of(), listen, names, certificate, key)


def _configuration(rows: list[Row], options: NginxOptions) -> str:
    from rollcall.gateway.catalogue import SERVICES as CATALOGUE
    from rollcall.gateway.nginx import Place, configuration, usable
    from rollcall.gateway.settings import GatewaySettings

    found: dict[str, list[Place]] = {}
    for one in rows:
        place = Place(str(one["host"]), int(one["port"]))
        if usable([place]):
            found.setdefault(str(one["service"]), []).append(place)
        else:
            note(f"left out: {place.host!a:.100} is no host that nginx can be sent to")
    if not found:
        note("no service is registered: whatever is asked for is answered with 503")
    return configuration(CATALOGUE, found, options, GatewaySettings())


def _check(text: str) -> None:
    """Have nginx read it, as a part of a configuration that has nothing else in it.

    Raises:
        Refused: It has errors; with what nginx said.
    """
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
    if program is None:
        raise Refused("--check needs nginx, and it is not installed here")
    with tempfile.TemporaryDirectory(prefix="rollcall-nginx-") as folder:
        whole = Path(folder) / "nginx.conf"
        whole.write_text(
            f"pid {folder}/pid; events {{}}\nhttp {{\n{temporary(folder)}{text}}}\n",
            encoding="utf-8",
        )
        try:
            done = subprocess.run(  # noqa: S603 - our own words
                [program, "-t", "-q", "-c", str(whole), "-e", "stderr"],
                capture_output=True,
                text=True,
                check=False,
                timeout=CHECK_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise Refused(f"nginx has not read it within {CHECK_SECONDS:g} s") from error
    if done.returncode:
        raise Refused(f"nginx does not take it: {done.stderr.strip()}")


def temporary(folder: str) -> str:
    """Where nginx keeps bodies that are too long for its memory, whoever runs it."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)


def _write(text: str, output: Path) -> bool:
    """Write a file all at once, so that nobody ever reads a half of it. One that says the same
    is not touched.

    Returns:
        Whether it was written.

    Raises:
        Refused: It cannot be written.
    """
    try:
        if output.is_file() and output.read_bytes() == text.encode():
            return False
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=output.absolute().parent, delete=False
        ) as file:
            file.write(text)
        written = Path(file.name)
        try:
            written.chmod(0o644)
            written.replace(output)
        finally:
            written.unlink(missing_ok=True)
        return True
    except OSError as error:
        raise Refused(f"{output} cannot be written: {error.strerror}") from error
