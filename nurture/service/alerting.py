"""Telling alerts outside of this program: by mail, and to the clinic's `alert_command`. Each once."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from nurture.reports.alerts import ripe, words_for_outside
from nurture.service.alert_mail import mail_alerts, people_to_tell
from nurture.service.house import House
from nurture.store import alerts
from nurture.store.alerts import Alert, Channel
from nurture.vocabulary import Mode

log = logging.getLogger("nurture")

COMMAND_SECONDS = 30.0
_DAY = timedelta(days=1)
# After a mail that no sender could bring away.
_TRY_AGAIN = timedelta(minutes=10)
# Secrets stand in the environment, and are none of the command's business.
_ENVIRONMENT = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ")


class AlertTeller:
    """Tells the alerts of one clinic; made once for each process that plans."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._mail_again_at: datetime | None = None

    def tell(self) -> None:
        """Tell what is ripe. An alert that cannot be told now is told later; others that tell beside us get others."""
        settings = self._house.workspace.settings
        if settings.alert_command:
            for alert in self._take("commanded_at"):
                run_alert_command(settings.alert_command, alert, cwd=self._house.root)
        if self._may_mail():
            self._mail()

    def _may_mail(self) -> bool:
        """Once live, with somebody to write to, and not more often than the settings allow."""
        settings, now = self._house.workspace.settings, self._house.clock.now()
        if not people_to_tell(settings) or self._house.mode() is not Mode.LIVE:
            return False
        if self._mail_again_at is not None and now < self._mail_again_at <= now + _TRY_AGAIN:
            return False
        with self._house.store.read() as connection:
            return alerts.mailings_since(connection, now - _DAY) < settings.alerts.mails_a_day

    def _mail(self) -> None:
        taken = self._take("mailed_at")
        if not taken:
            return
        told = False
        try:
            told = mail_alerts(self._house, taken)
        finally:
            if not told:
                self._mail_again_at = self._house.clock.now() + _TRY_AGAIN
                with self._house.store.write() as connection:
                    alerts.give_back(connection, "mailed_at", [alert.id for alert in taken])

    def _take(self, channel: Channel) -> Sequence[Alert]:
        now, again_after = self._house.clock.now(), self._house.workspace.settings.alerts.again_after
        with self._house.store.read() as connection:
            found = ripe(alerts.untold(connection, channel), now=now, again_after=again_after)
        if not found:
            return ()
        with self._house.store.write() as connection:
            ours = alerts.take(connection, channel, [alert.id for alert in found], now)
        return [alert for alert in found if alert.id in ours]


def run_alert_command(
    command: Sequence[str], alert: Alert, *, cwd: Path, seconds: float = COMMAND_SECONDS
) -> int | None:
    """Run the clinic's program with the alert as JSON on its standard input; its exit code, None if it had none.

    Without a shell; what it prints is dropped. After ``seconds`` it is killed with all that it started. Its end is
    logged, whatever it is.
    """
    about = {"id": alert.id, "kind": alert.kind, "subject": alert.subject}
    about |= {"words": words_for_outside(alert), "raised_at": alert.raised_at.isoformat()}
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    try:
        process = subprocess.Popen(  # noqa: S603 - the clinic's own program, as a list
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=cwd,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        log.warning("alert_command %s cannot be started: %s", command[0], error.strerror or error)
        return None
    try:
        process.communicate(json.dumps(about).encode(), timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.warning("alert_command took longer than %g seconds and was ended", seconds)
        return None
    log.log(
        logging.INFO if process.returncode == 0 else logging.WARNING, "alert_command ended with %d", process.returncode
    )
    return process.returncode
