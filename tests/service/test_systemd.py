"""What systemd is told of `nurture run`, on a socket like its own; and the units that make it run."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nurture.errors import InputError
from nurture.service.running import systemd
from nurture.service.running.systemd import Systemd
from nurture.service.running.units import install, uninstall, user_unit
from nurture.workspace.scaffold import Answers, init_workspace

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90.0


@pytest.fixture
def told(tmp_path):
    """The socket at which systemd listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(PATIENCE)
        yield listener


def environment(told, pause: float = 0.05) -> dict[str, str]:
    return {"NOTIFY_SOCKET": told.getsockname(), "WATCHDOG_USEC": str(int(pause * 2_000_000))}


async def words_of(told, manager: Systemd, count: int) -> list[str]:
    stop = asyncio.Event()
    telling = asyncio.create_task(manager.tell_until(stop))
    heard = [(await asyncio.to_thread(told.recv, 100)).decode() for _ in range(count)]
    stop.set()
    await telling
    while heard[-1] != "STOPPING=1":
        heard.append(told.recv(100).decode())
    return heard


async def test_it_is_ready_works_and_stops(told):
    heard = await words_of(told, Systemd(environment(told)), 4)
    assert heard[:4] == ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]
    assert heard[-1] == "STOPPING=1"


async def test_whoever_hangs_does_not_say_that_it_works(told, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(systemd, "monotonic", lambda: now[0])
    manager = Systemd(environment(told))
    now[0] = systemd.STUCK
    stop = asyncio.Event()
    telling = asyncio.create_task(manager.tell_until(stop))
    await asyncio.sleep(0.5)
    stop.set()
    await telling
    assert [told.recv(100) for _ in range(2)] == [b"READY=1", b"STOPPING=1"]


@pytest.mark.parametrize(
    ("address", "said"), [("", 0), ("relative", 0), ("/nowhere/at/all", 2)], ids=["nobody", "no path", "gone"]
)
async def test_without_somebody_to_tell_work_goes_on(caplog, address, said):
    stop = asyncio.Event()
    stop.set()
    await Systemd({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "x"}).tell_until(stop)
    assert ["systemd cannot be told" in record.getMessage() for record in caplog.records] == [True] * said


def test_nurture_run_tells(told, tmp_path):
    root = tmp_path / "clinic"
    init_workspace(root, Answers(), now=datetime(2026, 11, 20, 20, tzinfo=UTC))
    subprocess.run([sys.executable, "-m", "nurture", "db", "upgrade"], cwd=root, check=True, capture_output=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "nurture", "run", "--no-inbox"],
        cwd=root,
        env={**os.environ, **environment(told, 0.3)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert [told.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
    finally:
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0, said
    heard = told.recv(100)
    while heard == b"WATCHDOG=1":
        heard = told.recv(100)
    assert heard == b"STOPPING=1"


def test_the_unit_of_a_server_has_all_that_a_users_has_and_more():
    own = {"Description", "ExecStart", "WantedBy", "EnvironmentFile"}

    def settings(unit: str) -> set[str]:
        return {line for line in unit.splitlines() if "=" in line and line.partition("=")[0] not in own}

    server = (ROOT / "deploy" / "nurture.service").read_text()
    assert settings(user_unit(Path("/srv/clinic"), python="python3")) < settings(server)
    assert {
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
        "ReadWritePaths=/srv/clinic",
        "StateDirectory=nurture",
    } <= settings(server)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_systemd_understands_the_units(tmp_path):
    workspace = tmp_path / "a clinic, 100 %"
    workspace.mkdir()
    unit = tmp_path / "nurture.service"
    unit.write_text(user_unit(workspace, python=sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", unit], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert "nurture.service" not in done.stdout + done.stderr, done.stdout + done.stderr


def test_a_unit_is_written_once_and_taken_back(tmp_path):
    units, workspace = tmp_path / "units", tmp_path / "clinic"
    first = install(workspace, units, name="nurture", python="/usr/bin/python3")
    assert (first.unit, first.changed) == ("nurture.service", True)
    assert f'ExecStart="/usr/bin/python3" -m nurture --workspace "{workspace}" run' in first.file.read_text()
    assert not install(workspace, units, name="nurture", python="/usr/bin/python3").changed
    assert install(tmp_path / "other", units, name="nurture", python="/usr/bin/python3").changed
    assert [path.name for path in units.iterdir()] == ["nurture.service"]
    assert uninstall(units, name="nurture").changed
    assert not uninstall(units, name="nurture").changed


def test_a_second_clinic_does_not_take_the_units_name_of_the_first(tmp_path):
    units, first, second = tmp_path / "units", tmp_path / "first 100%", tmp_path / "second"
    first.mkdir()
    (first / "nurture.yaml").write_text("")
    install(first, units, name="nurture", python="/usr/bin/python3")
    with pytest.raises(
        InputError, match=r"is the clinic's in .*first 100%; give this one a name of its own: --name NAME"
    ):
        install(second, units, name="nurture", python="/usr/bin/python3")
    assert install(second, units, name="second", python="/usr/bin/python3").changed
    assert install(first, units, name="nurture", python="/usr/bin/python3.13").changed, "a newer Python"
    first.rename(second)  # the clinic moved
    assert install(second, units, name="nurture", python="/usr/bin/python3").changed


def test_what_others_wrote_stays_and_odd_names_are_refused(tmp_path):
    theirs = tmp_path / "mail.service"
    theirs.write_text("[Service]\n")
    for act in (lambda: install(tmp_path, tmp_path, name="mail", python="p"), lambda: uninstall(tmp_path, name="mail")):
        with pytest.raises(InputError, match="was not written by nurture"):
            act()
    assert theirs.read_text() == "[Service]\n"
    for name in ("../x", "", "A", "a b", "x" * 60):
        with pytest.raises(InputError, match="no name for a service"):
            install(tmp_path, tmp_path, name=name, python="p")
    with pytest.raises(InputError, match="control characters"):
        install(Path("/srv/a\nExecStartPre=/bin/sh"), tmp_path, name="x", python="p")
