"""``nurture login``: obtain the permission to send for an account, keep it, and see that the mail server takes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nurture.clock import SystemClock
from nurture.delivery.connection import Timeouts
from nurture.delivery.dialing import DialError, dial
from nurture.delivery.event_loop import run_async
from nurture.delivery.oauth.endpoint import Client, TokenError, Tokens
from nurture.delivery.oauth.keeping import keep, locked, permission_of
from nurture.delivery.routes import Route, route_for
from nurture.errors import InputError, SenderError, StoreMissingError
from nurture.service.house import database_url
from nurture.service.login.browser import ask_in_browser
from nurture.service.login.device import DeviceCode, ask_by_device
from nurture.store import open_store, senders
from nurture.vocabulary import Mode
from nurture.workspace.oauth import OAuth
from nurture.workspace.settings import Settings
from nurture.workspace.suggestions import did_you_mean
from nurture.workspace.workspace import load_workspace

_TIMEOUTS = Timeouts(greeting=15, command=15, quit=2)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The permission is kept in ``file``, and the mail ``server`` took it for ``account``."""

    sender: str
    account: str
    server: str
    file: Path


def log_in(
    root: Path,
    name: str,
    *,
    show_page: Callable[[str], None],
    show_code: Callable[[DeviceCode], None] | None = None,
    port: int = 0,
) -> LoggedIn:
    """Log the sender ``name`` in, in a browser on this machine, or with ``show_code`` in one elsewhere.

    ``port`` is where the browser comes back to, 0 for any. What was kept before goes on until the new permission is
    there; a sender that was stopped may then send at once. Raises `InputError` for a sender that has no
    `oauth`, `SecretError` for secrets that cannot be read or kept, `SenderError` for all else.
    """
    settings = load_workspace(root).settings
    oauth, route = _account(settings, name, root)
    if show_code is not None and oauth.device_url is None:
        raise InputError(
            f"`{name}` cannot log in with --device: there is no device_url, and Google gives no access to mail that "
            f"way. Use a browser elsewhere through a tunnel, `ssh -L 8085:127.0.0.1:8085` to this machine, and there "
            f"say `nurture login {name} --port 8085`"
        )
    client = Client.read(oauth.client_id, oauth.client_secret, root=root)
    account = route.username or ""
    try:
        if show_code is not None:
            tokens = ask_by_device(oauth, client, show=show_code)
        else:
            tokens = ask_in_browser(oauth, client, account=account, port=port, show=show_page)
    except TokenError as error:
        raise SenderError(f"no permission for {account}: {error.words}") from None
    _keep(root, name, tokens)
    _try(route)
    _wake(settings, root, name)
    return LoggedIn(name, account, route.server, root / permission_of(name).name)


def _account(settings: Settings, name: str, root: Path) -> tuple[OAuth, Route]:
    sender = settings.senders.get(name)
    if sender is None:
        hint = did_you_mean(name, settings.senders) or f"; nurture.yaml has {', '.join(settings.senders)}"
        raise InputError(f"there is no sender `{name}`{hint}")
    if sender.smtp is None or sender.smtp.oauth is None:
        raise InputError(
            f"senders.{name}.smtp has no `oauth`: register an application with your mail company and write its "
            "client_id there, as docs/senders.md shows"
        )
    return sender.smtp.oauth, route_for(name, sender, mode=Mode.LIVE, sandbox=None, root=root)


def _keep(root: Path, name: str, tokens: Tokens) -> None:
    if tokens.refresh is None:
        raise SenderError(
            "the answer holds no refresh token, so the permission would end within the hour; does the application "
            "allow offline access?"
        )
    with locked(root, name):
        keep(root, name, tokens.refresh)


def _try(route: Route) -> None:
    """A session with the login and no mail, as each worker opens it."""

    async def try_it() -> None:
        await (await dial(route, _TIMEOUTS)).quit()

    try:
        run_async(try_it())
    except DialError as error:
        raise SenderError(
            f"the permission is kept, but {error.words}. Was it given by another account than {route.username}?"
        ) from error


def _wake(settings: Settings, root: Path, name: str) -> None:
    try:
        store = open_store(database_url(settings, root), root=root)
    except StoreMissingError:
        return  # nothing was ever sent
    try:
        with store.write() as connection:
            senders.wake(connection, name, now=SystemClock().now())
    finally:
        store.close()
