"""What the store and the files say about every campaign, as the pure decisions want it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from nurture.planning.due import Due, History, PastEdition, Version, due_occurrences
from nurture.planning.selection import openings_of
from nurture.store import Connection, campaigns, editions, lineage, meta
from nurture.store.campaigns import LoadedCampaign, VersionRow
from nurture.vocabulary import Mode
from nurture.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Outlook:
    """One look at files and database. ``versions`` are as recorded, by campaign."""

    workspace: Workspace
    mode: Mode
    now: datetime
    since: datetime | None
    versions: Mapping[str, Sequence[VersionRow]]
    keys: Mapping[str, Sequence[tuple[str, str]]]
    paused: Mapping[str, datetime]

    @property
    def zone(self) -> ZoneInfo:
        """The clinic's zone."""
        return self.workspace.settings.zone

    def due(self, *, until: datetime | None = None) -> list[tuple[str, Due]]:
        """What has come (with ``until``: and will come), of all campaigns, in the order of time."""
        found: list[tuple[str, Due]] = []
        for name, campaign in self.workspace.campaigns.items():
            openings = openings_of(campaign, self.workspace.settings)
            coming = due_occurrences(
                campaign, self.history(name), zone=self.zone, openings=openings, now=self.now, until=until
            )
            found += [(name, due) for due in coming]
        return sorted(found, key=lambda item: (item[1].occurrence.at, item[0]))

    def history(self, name: str) -> History:
        """What is known of one campaign; a file that was never recorded counts as seen now."""
        rows = self.versions.get(name, ())
        schedules = {row.digest: row.schedule for row in rows}
        versions = tuple(self._present(name, rows))
        since = self.since if self.since is not None and self.since <= self.now else versions[0].first_seen_at
        return History(
            versions=versions,
            since=since,
            editions=[PastEdition(key, schedules.get(digest)) for key, digest in self.keys.get(name, ())],
            renamed_from=self._renamed_from(name, rows),
            paused_at=campaigns.paused_since(self.paused, name),
            changed_at=self.workspace.modified_at.get(name),
        )

    def _present(self, name: str, rows: Sequence[VersionRow]) -> Iterator[Version]:
        versions = [
            Version(row.schedule, row.first_seen_at, row.last_seen_at, row.vanished_at, row.confirmed_at)
            for row in rows
        ]
        recorded = bool(rows) and rows[-1].digest == self.workspace.digests[name] and rows[-1].vanished_at is None
        if not recorded:
            if versions and versions[-1].vanished_at is None:
                versions[-1] = replace(versions[-1], vanished_at=self.now)
            versions.append(Version(loaded_campaigns(self.workspace)[name].schedule, self.now, self.now))
        yield from versions

    def _renamed_from(self, name: str, rows: Sequence[VersionRow]) -> str | None:
        """The vanished campaign whose content this one had when it was first seen; None once confirmed."""
        if any(row.confirmed_at is not None for row in rows):
            return None
        digest = rows[0].digest if rows else self.workspace.digests[name]
        first_seen_at = rows[0].first_seen_at if rows else self.now
        for other, versions in self.versions.items():
            last = versions[-1]
            vanished_at = last.vanished_at
            if vanished_at is None and other not in self.workspace.campaigns:
                vanished_at = self.now
            if other != name and last.digest == digest and vanished_at is not None and vanished_at <= first_seen_at:
                return other
        return None


def look(connection: Connection, workspace: Workspace, *, now: datetime, going_live: bool = False) -> Outlook:
    """Read all that decides what is due, in the database's present mode; ``going_live``: as if it went live now."""
    mode = Mode.LIVE if going_live else meta.get_mode(connection)
    return Outlook(
        workspace=workspace,
        mode=mode,
        now=now,
        since=now if going_live else _since(connection, mode),
        versions=campaigns.versions(connection, mode=mode),
        keys=editions.keys_of_campaigns(connection, mode=mode),
        paused=campaigns.paused_campaigns(connection),
    )


def _since(connection: Connection, mode: Mode) -> datetime | None:
    """Nothing that was due before is planned: what a lost original may have planned is not planned again."""
    if mode is not Mode.LIVE:
        return meta.started_at(connection)
    instants = meta.live_since(connection), lineage.restored_until(connection)
    return max((instant for instant in instants if instant is not None), default=None)


def loaded_campaigns(workspace: Workspace) -> dict[str, LoadedCampaign]:
    """The campaigns' files as they are recorded."""
    return {
        name: LoadedCampaign(workspace.digests[name], campaign.schedule.text if campaign.schedule else "")
        for name, campaign in workspace.campaigns.items()
    }
