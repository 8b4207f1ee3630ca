"""Where a SQLite file lies."""

from pathlib import Path

import pytest

from grip.store.filesystems import network_kind

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /srv/shared rw,relatime shared:9 - nfs4 server:/export rw,vers=4.2
31 30 8:17 / /srv/shared/local rw - xfs /dev/sdb1 rw
32 22 0:41 / /mnt/two\\040words rw - cifs //server/share rw
33 22 0:42 / /home/ana/remote rw - fuse.sshfs ana@server: rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/grip.db", None),
        ("/srv/shared/grip.db", "nfs4"),
        ("/srv/shared/deep/grip.db", "nfs4"),
        ("/srv/shared-not/grip.db", None),
        ("/srv/shared/local/grip.db", None),
        ("/mnt/two words/grip.db", "cifs"),
        ("/home/ana/remote/grip.db", "fuse.sshfs"),
    ],
)
def test_a_network_file_system_is_known_by_its_mount(path: str, kind: str | None, tmp_path: Path):
    """The innermost mount that holds the path counts."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)

    assert network_kind(Path(path), mounts) == kind


def test_a_system_that_does_not_tell_its_mounts_warns_of_nothing(tmp_path: Path):
    """There is nothing to say."""
    assert network_kind(tmp_path / "grip.db", tmp_path / "nothing") is None
