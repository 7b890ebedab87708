"""The mailbox opened by the permission of a sender (XOAUTH2), on a real Dovecot that asks a token server."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nurture.errors import FilesError, LoginError, MailboxError
from nurture.service.house import open_house
from nurture.service.inbox import read_mailbox
from nurture.workspace.scaffold import Answers, init_workspace
from nurture.workspace.workspace import load_workspace
from tests.delivery.conftest import logged_in
from tests.servers.certificates import Certificate, make_certificate
from tests.servers.dovecot import USER, Dovecot, is_available, running_dovecot
from tests.servers.token_server import CLIENT_ID, CLIENT_SECRET, Answer, TokenServer, refusal

MAIL = b"From: lee@partner.example\nMessage-ID: <1@partner.example>\nSubject: Re: News\n\nThank you.\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def tokens(monkeypatch) -> Iterator[TokenServer]:
    monkeypatch.setenv("TEST_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("TEST_CLIENT_SECRET", CLIENT_SECRET)
    with TokenServer() as server:
        yield server


@pytest.fixture
def dovecot(certificate, tokens) -> Iterator[Dovecot]:
    if not is_available():
        pytest.skip("no Dovecot, or not root: apt-get install dovecot-imapd")
    with running_dovecot(certificate, tokens=tokens.url) as running:
        yield running


@pytest.fixture
def root(tmp_path, new_sqlite_url, tokens) -> Path:
    folder = tmp_path / "clinic"
    init_workspace(folder, Answers(), now=datetime(2026, 11, 20, 20, tzinfo=UTC))
    oauth = ", ".join(f"{key}: '{value}'" for key, value in tokens.oauth.items())
    account = f"{{host: smtp.example, username: {USER}, oauth: {{{oauth}}}}}"
    settings = folder / "nurture.yaml"
    text = settings.read_text().replace("    # smtp:", f"    smtp: {account}\n    # smtp:", 1)
    settings.write_text(f"{text}database: '{new_sqlite_url}'\n")
    return folder


def configure(root: Path, imap: str) -> None:
    settings = root / "nurture.yaml"
    settings.write_text(f"{settings.read_text()}mailbox: {{imap: {{{imap}}}}}\n")


def at(dovecot: Dovecot, certificate: Certificate) -> str:
    where = f"host: localhost, port: {dovecot.tls_port}, ca_file: {certificate.authority}"
    return f"{where}, username: {USER}, permission_of: main"


@pytest.mark.dovecot
def test_a_permission_opens_the_mailbox_and_is_renewed_when_the_server_refuses_it(root, dovecot, certificate, tokens):
    configure(root, at(dovecot, certificate))
    with open_house(root) as house:
        with pytest.raises(LoginError, match="there is no permission yet; run: nurture login main"):
            read_mailbox(house)
        tokens.rotates = True
        logged_in(root, tokens, "main")
        assert read_mailbox(house).first_time
        dovecot.deliver(MAIL)
        assert read_mailbox(house).kinds.total() == 1
        assert len(tokens.forms) == 1, "a token is asked for once, not for each look"
        tokens.accepted.clear()  # the company takes it back
        assert read_mailbox(house).kinds.total() == 0
        assert len(tokens.forms) == 2


@pytest.mark.dovecot
@pytest.mark.parametrize(
    ("answer", "is_refused"), [(Answer(503), False), (refusal("invalid_grant"), True)], ids=["outage", "gone"]
)
def test_a_permission_that_is_gone_says_what_to_do_and_an_outage_does_not(
    root, dovecot, certificate, tokens, answer, is_refused
):
    configure(root, at(dovecot, certificate))
    logged_in(root, tokens, "main")
    tokens.answers.append(answer)
    with open_house(root) as house, pytest.raises(MailboxError) as caught:
        read_mailbox(house)
    words = str(caught.value)
    assert isinstance(caught.value, LoginError) is is_refused
    assert ("run: nurture login main" in words) is is_refused
    assert "canary" not in words


@pytest.mark.parametrize(
    ("login", "words"),
    [
        ("permission_of: main, password: 'env:IMAP'", "write `password`, or `permission_of`"),
        ("username: x", "write `password`, or `permission_of`"),
        ("permission_of: mian", "unknown sender `mian`; did you mean `main`?"),
    ],
)
def test_what_does_not_fit_is_said(root, login, words):
    configure(root, "host: imap.example, " + (login if "username" in login else f"username: x, {login}"))
    with pytest.raises(FilesError, match=words.replace("?", r"\?")):
        load_workspace(root)
