"""Which file system a path lies on: SQLite's locks and WAL need a local one."""

from __future__ import annotations

from pathlib import Path

# WAL needs memory shared between processes, and locks that every client obeys
# (sqlite.org/wal.html, sqlite.org/lockingv3.html section 6).
_NETWORK = frozenset(
    {
        "afs", "ceph", "cifs", "davfs", "drvfs", "fuse.ceph", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs",
        "fuse.sshfs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs",
    }
)  # fmt: skip


def read_mounts() -> str:
    """The text of /proc/mounts; empty where there is none (macOS)."""
    try:
        return Path("/proc/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def network_file_system(path: Path, mounts: str) -> str | None:
    """The kind of network file system that ``path`` lies on, or None for a local one.

    ``mounts`` has the form of fstab(5). The path need not exist yet.
    """
    resolved = path.resolve()
    best: tuple[int, int] = (-1, -1)
    kind: str | None = None
    for order, line in enumerate(mounts.splitlines()):
        fields = line.split()
        if len(fields) < 4:
            continue
        point = Path(fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        # the deepest mount point counts, of equal ones the last mounted
        if resolved.is_relative_to(point) and (len(point.parts), order) > best:
            best = (len(point.parts), order)
            kind = _network_kind(fields[2], fields[3])
    return kind


def _network_kind(file_system: str, options: str) -> str | None:
    if file_system in _NETWORK:
        return file_system
    # WSL 2 reaches the Windows disks by 9p, which shares no memory for WAL
    if file_system == "9p" and "aname=drvfs" in options:
        return "drvfs"
    return None
