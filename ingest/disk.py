"""The disk of this system, as the spool uses it, and what is known of kinds of disks."""

import errno
import sys

if sys.platform == "win32":
    from ingest.windows.disk import WindowsDisk as Disk
else:
    from ingest.posix_disk import PosixDisk as Disk

__all__ = ["FULL", "NETWORK", "VOLATILE", "Disk"]

NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "glusterfs", "fuse.glusterfs"})
"""File systems whose fdatasync or flock cannot be relied on."""
VOLATILE = frozenset({"tmpfs", "ramfs", "overlay"})
"""File systems that may not outlive the machine or the container."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a write says when there is no room."""
