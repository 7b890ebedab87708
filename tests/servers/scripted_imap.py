"""An IMAP server on a real socket that does to each command exactly what a test says.

Commands are named as they are sent: CONNECT (the greeting), CAPABILITY, LOGIN,
LIST, EXAMINE, SEARCH, FETCH (both after UID), IDLE, NOOP, LOGOUT. Without a
step a command gets the friendly answer out of ``folders``.
"""

import contextlib
import re
import socket
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@dataclass
class Folder:
    """Mails by UID, with the date that the server gives them."""

    validity: int = 7
    mails: dict[int, bytes] = field(default_factory=dict)
    dates: dict[int, datetime] = field(default_factory=dict)
    flags: str = "\\HasNoChildren"
    next: int = 1

    def add(self, raw: bytes, date: datetime = NOW) -> int:
        self.mails[self.next], self.dates[self.next] = raw, date
        self.next += 1
        return self.next - 1

    def renumber(self, validity: int) -> None:
        """New numbers from 1 on for the same mails."""
        mails, dates = list(self.mails.values()), list(self.dates.values())
        self.validity, self.mails, self.dates, self.next = validity, {}, {}, 1
        for raw, date in zip(mails, dates, strict=True):
            self.add(raw, date)


@dataclass
class Step:
    """What to do with one command whose line holds ``when``; it serves once, unless it is ``always``.

    ``answer`` are raw octets, in which TAG stands for the command's tag; None says
    nothing. ``friendly`` gives the usual answer after them. ``wait`` comes before,
    ``cut`` closes the connection after.
    """

    answer: bytes | Callable[[str], bytes] | None = None
    when: str = ""
    wait: threading.Event | None = None
    during: Callable[[], object] | None = None
    friendly: bool = False
    cut: bool = False
    always: bool = False


class _GoneError(Exception):
    pass


class ScriptedImap:
    """The server; use it as a context manager. ``commands`` is what it was asked, without tags."""

    def __init__(self, *, login: tuple[str, str] = ("hello", "secret"), capabilities: str = "IMAP4rev1 IDLE") -> None:
        self.folders: dict[str, Folder] = {"INBOX": Folder()}
        self.commands: list[str] = []
        self.sessions = 0
        self.idling = threading.Event()  # somebody waits in IDLE
        self.news: list[bytes] = []  # said in IDLE
        self._login = login
        self._capabilities = capabilities
        self._steps: dict[str, list[Step]] = defaultdict(list)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    @property
    def inbox(self) -> Folder:
        return self.folders["INBOX"]

    def on(self, command: str, *steps: Step) -> Self:
        with self._lock:
            self._steps[command].extend(steps)
        return self

    def forget_steps(self) -> None:
        """Be friendly from now on."""
        with self._lock:
            self._steps.clear()

    def __enter__(self) -> Self:
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join(timeout=5)
        self._listener.close()
        with self._lock:
            for steps in self._steps.values():
                for step in steps:
                    if step.wait:
                        step.wait.set()
        self.hang_up()

    def hang_up(self) -> None:
        """Close all connections."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.add(connection)
                self.sessions += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        lines = connection.makefile("rb")
        state = {"folder": ""}
        try:
            self._answer(connection, "CONNECT", "", "", b"* OK scripted\r\n")
            while line := lines.readline():
                tag, _, rest = line.decode().rstrip("\r\n").partition(" ")
                words = rest.split(" ")
                verb = words[1] if words[0] == "UID" else words[0]
                with self._lock:
                    self.commands.append(rest)
                if verb == "IDLE":
                    self._idle(connection, lines, tag)
                else:
                    self._answer(connection, verb, rest, tag, self._friendly(verb, rest, tag, state))
                if verb == "LOGOUT":
                    raise _GoneError
        except (_GoneError, OSError):
            pass
        finally:
            self._open.discard(connection)
            with contextlib.suppress(OSError):
                lines.close()
                connection.close()

    def _answer(self, connection: socket.socket, verb: str, line: str, tag: str, friendly: bytes) -> None:
        with self._lock:
            step = next((step for step in self._steps[verb] if step.when in line), None)
            if step is not None and not step.always:
                self._steps[verb].remove(step)
        if step is None:
            connection.sendall(friendly)
            return
        if step.during:
            step.during()
        if step.wait:
            step.wait.wait(timeout=60)
        answer = step.answer(line) if callable(step.answer) else step.answer
        if answer:
            connection.sendall(answer.replace(b"TAG", tag.encode()))
        if step.friendly:
            connection.sendall(friendly)
        if step.cut:
            raise _GoneError

    def _idle(self, connection: socket.socket, lines: object, tag: str) -> None:
        self._answer(connection, "IDLE", "IDLE", tag, b"+ idling\r\n")
        self.idling.set()
        for line in self.news:
            connection.sendall(line)
        assert hasattr(lines, "readline")
        if lines.readline() != b"DONE\r\n":
            raise _GoneError
        self.idling.clear()
        connection.sendall(tag.encode() + b" OK idled\r\n")

    def _friendly(self, verb: str, line: str, tag: str, state: dict[str, str]) -> bytes:
        done = f"{tag} OK done\r\n".encode()
        if verb == "CAPABILITY":
            return f"* CAPABILITY {self._capabilities}\r\n".encode() + done
        if verb == "LOGIN":
            good = line == 'LOGIN "{}" "{}"'.format(*self._login)
            return done if good else f"{tag} NO [AUTHENTICATIONFAILED] wrong\r\n".encode()
        if verb == "LIST":
            return b"".join(f'* LIST ({f.flags}) "/" "{n}"\r\n'.encode() for n, f in self.folders.items()) + done
        if verb == "EXAMINE":
            state["folder"] = line.partition(" ")[2].strip('"')
            return self._examine(self.folders.get(state["folder"]), tag)
        folder = self.folders.get(state["folder"], Folder())
        if verb == "SEARCH":
            return self._search(folder, line) + done
        if verb == "FETCH":
            return b"".join(self._fetch(folder, uid, line) for uid in self._wanted(folder, line)) + done
        if verb == "LOGOUT":
            return b"* BYE\r\n" + done
        return done

    @staticmethod
    def _examine(folder: Folder | None, tag: str) -> bytes:
        if folder is None:
            return f"{tag} NO [NONEXISTENT] gone\r\n".encode()
        said = f"* {len(folder.mails)} EXISTS\r\n* OK [UIDVALIDITY {folder.validity}] .\r\n* OK [UIDNEXT {folder.next}] .\r\n"
        return f"{said}{tag} OK [READ-ONLY] done\r\n".encode()

    @staticmethod
    def _search(folder: Folder, line: str) -> bytes:
        numbers, star = re.search(r"UID ([\d,]+)(:\*)?", line).groups()
        asked = {int(number) for number in numbers.split(",")}
        found = [uid for uid in folder.mails if (uid >= min(asked) if star else uid in asked)]
        if star and not found and folder.mails:
            found = [max(folder.mails)]  # `n:*` always names the last one
        if since := re.search(r"SINCE (\S+)", line):
            day = datetime.strptime(since[1] + " +0000", "%d-%b-%Y %z").date()
            found = [uid for uid in found if folder.dates[uid].date() >= day]
        return b"* SEARCH" + b"".join(b" %d" % uid for uid in found) + b"\r\n"

    @staticmethod
    def _wanted(folder: Folder, line: str) -> list[int]:
        asked = {int(number) for number in line.split(" ")[2].split(",")}
        return [uid for uid in folder.mails if uid in asked]

    @staticmethod
    def _fetch(folder: Folder, uid: int, line: str) -> bytes:
        raw = folder.mails[uid]
        number = list(folder.mails).index(uid) + 1
        if "BODY.PEEK" not in line:
            date = folder.dates[uid].strftime("%d-%b-%Y %H:%M:%S +0000")
            return f'* {number} FETCH (UID {uid} RFC822.SIZE {len(raw)} INTERNALDATE "{date}")\r\n'.encode()
        section, most = re.search(r"BODY\.PEEK\[(.*?)\]<0\.(\d+)>", line).groups()
        if section == "HEADER":
            raw = raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        raw = raw[: int(most)]
        return b"* %d FETCH (UID %d BODY[%s]<0> {%d}\r\n%s)\r\n" % (number, uid, section.encode(), len(raw), raw)
