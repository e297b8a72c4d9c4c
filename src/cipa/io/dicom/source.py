"""The files of a study, from a folder or a zip; a zip is read in place and nothing of it is unpacked."""

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO, cast

from cipa.errors import DataError
from cipa.io.dicom.folders import show_name, walk_folders
from cipa.io.dicom.preamble import begins_like_dicom
from cipa.readers import excerpt, is_zip, open_regular, read_or_refuse

DICOM_SUFFIXES = (".dcm", ".ima", ".dicom")
"""A file so named was meant to be DICOM; any other that does not begin like it is left out in silence."""

OTHER_SUFFIXES = (".png", ".txt", ".json", ".csv", ".gz", ".nii")
"""A file so named is not worth opening to see whether it is DICOM."""

MOST_FILES = 200_000
"""In one archive; a whole-body study has a few thousand."""

MOST_BYTES = 32 * 2**30
"""An archive may unpack to."""

MOST_FILE_BYTES = 2 * 2**30
"""One file of an archive may unpack to, and of a multi-frame file are read at most."""

MOST_READ_BYTES = 64 * 2**20
"""Are read at most of a file of one image, and of any header: an image of 4096 x 4096 has half as many."""

WHOLE_BYTES = 8 * 2**20
"""Files of an archive up to this are unpacked at once, which saves time; eight threads do."""

BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Ways of packing that zipfile unpacks piece by piece; 4 KB of bzip2 or LZMA may become gigabytes at once."""

MOST_RATIO, RATIO_FROM_BYTES = 100.0, 2**30
"""An archive that unpacks to more than the second must not do so by more than the first: images never do."""


@dataclass(frozen=True)
class Entry:
    """One file of a study.

    Attributes:
        name: its path below the study, with forward slashes; what is not UTF-8 of it is replaced.
        open: gives its bytes as a seekable stream, on any thread; of an archive no more than an image has.
        open_whole: gives all of them, for a file that is known to hold many images.
    """

    name: str
    open: Callable[[], BinaryIO]
    open_whole: Callable[[], BinaryIO]


def list_files(path: Path, folders: Sequence[Path] | None = None) -> list[Entry]:
    """List the files of a study, sorted by name; those that file managers of macOS add are left out.

    Args:
        path: a folder, of any nesting (links to folders are followed), or a zip.
        folders: those folders below `path` to take files from, not their subfolders; all by default.

    Raises:
        DataError: nothing is there, it is neither folder nor zip, or the zip is damaged or encrypted,
            holds names that leave it, or would unpack to what no study is.
    """
    if path.is_dir():
        return _files_of_folder(path, None if folders is None else set(folders))
    if not path.is_file():
        raise DataError(f"{path}: no such folder or zip; give a DICOM study")
    if not is_zip(path):
        raise DataError(f"{path}: neither a folder nor a zip; give the folder that holds the DICOM files")
    return _files_of_zip(path)


def _files_of_folder(root: Path, wanted: set[Path] | None) -> list[Entry]:
    found = []
    for folder, names in walk_folders(root):
        if wanted is None or folder in wanted:
            found += [folder / name for name in names if not name.startswith("._")]
    return [
        Entry(
            show_name(file.relative_to(root).as_posix()),
            partial(_open_file, file),
            partial(_open_file, file, MOST_FILE_BYTES),
        )
        for file in sorted(found)
    ]


def _files_of_zip(path: Path) -> list[Entry]:
    archive = read_or_refuse(path, "a zip, or a damaged one", "copy it again", lambda: zipfile.ZipFile(path))
    if not all(member.filename for member in archive.infolist()):
        raise DataError(f"{path}: holds a file without a name; copy or pack it again")
    members = [member for member in archive.infolist() if not member.is_dir()]
    _check_members(path, members)
    kept = [member for member in members if not PurePosixPath(member.filename).name.startswith("._")]
    return [
        Entry(
            member.filename,
            partial(_open_member, archive, member),
            partial(_open_member, archive, member, MOST_FILE_BYTES),
        )
        for member in sorted(kept, key=lambda member: member.filename)
    ]


def looks_like_dicom(path: Path) -> bool:
    """Tell by name, or by how it begins, whether a file is meant to be DICOM."""
    suffix = path.suffix.lower()
    if suffix in DICOM_SUFFIXES or suffix in OTHER_SUFFIXES:
        return suffix in DICOM_SUFFIXES
    try:
        with open_regular(path) as stream:
            return begins_like_dicom(stream.read(140))
    except (OSError, DataError):
        return False


def _open_file(path: Path, most: int = MOST_READ_BYTES) -> BinaryIO:
    file = open_regular(path)
    if path.stat().st_size <= most:
        return file
    return cast(BinaryIO, io.BufferedReader(_Beginning(file, str(path), most)))


def _open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int = MOST_READ_BYTES) -> BinaryIO:
    if member.file_size <= WHOLE_BYTES:
        return io.BytesIO(archive.read(member))
    stream = cast(BinaryIO, archive.open(member))
    return cast(BinaryIO, io.BufferedReader(_Beginning(stream, member.filename, most), 2**16))


class _Beginning(io.RawIOBase):
    """A file, of which no more than `most` bytes can be read before it is refused."""

    def __init__(self, stream: BinaryIO, name: str, most: int) -> None:
        super().__init__()
        self.stream, self.name, self.left, self.most = stream, name, most, most

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be moved in."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move the stream and return the new offset in bytes."""
        return self.stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the offset in bytes."""
        return self.stream.tell()

    def readinto(self, buffer: Any, /) -> int:
        """Read at most 1 MiB into the buffer; refuse a file that goes on past an image's size."""
        content = self.stream.read(min(len(buffer), 2**20))
        self.left -= len(content)
        if self.left < 0:
            what = "larger than an image of 4096 x 4096" if self.most == MOST_READ_BYTES else "too large"
            raise DataError(f"{self.name}: {what}; take it out of the study")
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        """Close the stream below, then this one."""
        self.stream.close()
        super().close()


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    for member in members:
        name = repr(excerpt(member.filename))
        if _leaves(member.filename):
            raise DataError(f"{path}: {name} is a path that leaves the archive; do not trust it")
        if member.flag_bits & 1:
            raise DataError(f"{path}: {name} is encrypted; unpack it and give the folder")
        if member.file_size > MOST_FILE_BYTES:
            size = _size(member.file_size)
            raise DataError(f"{path}: {name} unpacks to {size}, more than an image is; remove it")
        if member.compress_type not in BOUNDED:
            raise DataError(
                f"{path}: {name} is packed neither by deflate nor plainly; unpack it and give the folder"
            )
    unpacked = sum(member.file_size for member in members)
    packed = max(1, path.stat().st_size)  # what members say of themselves need not be so
    is_bomb = unpacked > RATIO_FROM_BYTES and unpacked / packed > MOST_RATIO
    if len(members) > MOST_FILES or unpacked > MOST_BYTES or is_bomb:
        raise DataError(
            f"{path}: {len(members)} files, {_size(packed)} that unpack to {_size(unpacked)}, which no study "
            "does; if you trust it, unpack it and give the folder"
        )


def _leaves(name: str) -> bool:
    """Tell whether a name in an archive points outside of it on any system."""
    return any(
        ".." in kind(name).parts or kind(name).is_absolute() or kind(name).drive
        for kind in (PurePosixPath, PureWindowsPath)
    )


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"
