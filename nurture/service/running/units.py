"""The unit of systemd that keeps a user's `nurture run` alive (systemd.service(5), systemd.exec(5)).

A server's own is `deploy/nurture.service`: the same, and shut in.
"""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nurture.errors import InputError
from nurture.workspace.workspace import SETTINGS_FILE

NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
_UNIT: Final = """\
# written by `nurture service install`
[Unit]
Description=nurture: mail of {what}
Documentation=https://www.freedesktop.org/software/systemd/man/systemd.service.html
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
# secrets by name, a line each: NURTURE_SMTP_PASSWORD=...; only its owner may read the file
EnvironmentFile=-{workspace}/data/environment
WatchdogSec=120
Restart=always
RestartSec=10
# a mail that is on its way gets its server's answer first
TimeoutStopSec=90
KillMode=mixed
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
MemoryMax=1G
[Install]
WantedBy=default.target
"""
_WORKSPACE: Final = re.compile(r"^EnvironmentFile=-(.*)/data/environment$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Installed:
    """A unit's name for `systemctl --user`, and the file that it stands in; ``changed`` if it was written just now."""

    unit: str
    file: Path
    changed: bool


def user_unit(workspace: Path, *, python: str) -> str:
    """The unit of a user who runs the clinic in ``workspace`` with this Python."""
    command = f"{_quoted(python)} -m nurture --workspace {_quoted(str(workspace))} run --no-inbox"
    return _UNIT.format(
        what=_plain(workspace.name),
        workspace=_plain(str(workspace)),
        command=command,
    )


def install(workspace: Path, units: Path, *, name: str, python: str) -> Installed:
    """Write the unit into the folder ``units``, whole or not at all; what is the same stays untouched.

    Raises `InputError` for a name or a path that no unit can hold, or a file there that somebody else wrote, or that
    is another clinic's.
    """
    file = unit_file(units, name)
    text = user_unit(workspace, python=python)
    if file.exists():
        present = file.read_text(encoding="utf-8")
        if present == text:
            return Installed(file.name, file, changed=False)
        _refuse_others(file, present)
        _refuse_another_clinic(file, present, workspace)
    try:
        units.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=units, prefix=".nurture-", delete=False, encoding="utf-8") as draft:
            draft.write(text)
            draft.flush()
            os.fsync(draft.fileno())
        Path(draft.name).rename(file)
    except OSError as error:
        raise InputError(f"the unit cannot be written to {file}: {error.strerror or error}") from error
    return Installed(file.name, file, changed=True)


def uninstall(units: Path, *, name: str) -> Installed:
    """Remove the unit; raises `InputError` if somebody else wrote it. ``changed``: it was there."""
    file = unit_file(units, name)
    if not file.exists():
        return Installed(file.name, file, changed=False)
    _refuse_others(file, file.read_text(encoding="utf-8"))
    file.unlink()
    return Installed(file.name, file, changed=True)


def unit_file(units: Path, name: str) -> Path:
    """Where the unit ``name`` stands; raises `InputError` for a name that is none."""
    if not NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name for a service: small letters, digits and hyphens")
    return units / f"{name}.service"


def _refuse_others(file: Path, text: str) -> None:
    if "written by `nurture service install`" not in text.partition("\n")[0]:
        raise InputError(f"{file} was not written by nurture; choose another --name")


def _refuse_another_clinic(file: Path, text: str, workspace: Path) -> None:
    """That a clinic moved is no reason: then there is none where it was."""
    found = _WORKSPACE.search(text)
    other = Path(found[1].replace("%%", "%")) if found else workspace
    if other != workspace and (other / SETTINGS_FILE).exists():
        raise InputError(f"{file} is the clinic's in {other}; give this one a name of its own: --name NAME")


def _plain(text: str) -> str:
    """As unit files take it: a percent sign begins a specifier, a line end the next setting."""
    if any(character < " " for character in text):
        raise InputError(f"a path with control characters cannot stand in a unit: {text!r}")
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    escaped = _plain(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"'
