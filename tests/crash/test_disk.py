"""The disk that loses power: what was synced stays, of the rest whatever chance has it."""

from random import Random

from tests.crash.disk import SECTOR_BYTES, Disk

BASE = b"0" * 4 * SECTOR_BYTES
NEW = b"1" * 4 * SECTOR_BYTES


def outcomes(disk: Disk) -> set[bytes | None]:
    """Return all that the file was found to be after many power losses."""
    chance = Random(1)  # noqa: S311 - no secret
    return {disk.after_power_loss(chance).get("file") for _ in range(500)}


def test_what_was_synced_stays():
    """Always."""
    disk = Disk({"file": BASE})
    file = disk.names["file"]
    disk.write(file, 0, NEW)
    disk.synced(file, disk.sync_begins())

    assert outcomes(disk) == {NEW}


def test_what_was_not_synced_is_kept_lost_or_torn_at_a_sector():
    """From either side."""
    disk = Disk({"file": BASE})
    disk.write(disk.names["file"], 0, NEW)
    sector = SECTOR_BYTES

    assert outcomes(disk) == {
        BASE,
        NEW,
        *(NEW[: n * sector] + BASE[n * sector :] for n in (1, 2, 3)),
        *(BASE[: n * sector] + NEW[n * sector :] for n in (1, 2, 3)),
    }


def test_writes_are_kept_each_for_itself():
    """The later one may be on the disk and the earlier one not."""
    disk = Disk({"file": b"00"})
    file = disk.names["file"]
    disk.write(file, 0, b"1")
    disk.write(file, 1, b"1")

    assert outcomes(disk) == {b"00", b"10", b"01", b"11"}


def test_a_sync_covers_what_was_written_before_it_began():
    """What came while it ran is still in doubt."""
    disk = Disk({"file": b"00"})
    file = disk.names["file"]
    disk.write(file, 0, b"1")
    covered = disk.sync_begins()
    disk.write(file, 1, b"1")
    disk.synced(file, covered)

    assert outcomes(disk) == {b"10", b"11"}


def test_a_new_file_is_there_for_good_once_its_folder_was_synced():
    """Its own sync says nothing of its name."""
    disk = Disk({})
    disk.create("file")
    file = disk.names["file"]
    disk.write(file, 0, b"1")
    disk.synced(file, disk.sync_begins())
    before = outcomes(disk)
    disk.folder_synced(disk.sync_begins())

    assert (before, outcomes(disk)) == ({None, b"1"}, {b"1"})


def test_a_name_that_was_let_go_may_come_back():
    """Until its folder was synced."""
    disk = Disk({"file": b"0"})
    disk.unlink("file")
    before = outcomes(disk)
    disk.folder_synced(disk.sync_begins())

    assert (before, outcomes(disk)) == ({None, b"0"}, {None})


def test_a_file_may_be_cut_off_or_grow():
    """With zeros, where nothing was written."""
    disk = Disk({"file": b"00"})
    file = disk.names["file"]
    disk.write(file, 1, None)
    before = outcomes(disk)
    disk.write(file, 3, b"1")
    disk.synced(file, disk.sync_begins())

    assert (before, outcomes(disk)) == ({b"0", b"00"}, {b"0\0\x001"})
