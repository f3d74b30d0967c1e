import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from deploy.support.errors import UserError
from deploy.support.hashing import sha256_file, sha256_folder


def shell_hash(folder: Path) -> str:
    """The definition, run by the shell; macOS has shasum where Linux has sha256sum."""
    command = (
        "tool=$(command -v sha256sum || echo shasum -a 256); "
        "find . -type f | LC_ALL=C sort | xargs $tool"
    )
    text = subprocess.run(
        ["sh", "-c", command], cwd=folder, stdout=subprocess.PIPE, check=True
    ).stdout
    return hashlib.sha256(text).hexdigest()


def write(folder: Path, names: list[str]) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def test_a_files_hash_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    assert sha256_file(tmp_path / "f") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_a_folders_hash_is_what_the_shell_command_gives(tmp_path: Path) -> None:
    # Sorted as whole paths and by bytes, "a-b" comes before "a/b", and "B" before "a".
    names = ["a/b", "a-b", "a.b", "B", "a/z/deep", "_", "ü", "0", ".hidden", "z" * 200]
    write(tmp_path, names)
    (tmp_path / "empty folder").mkdir()
    (tmp_path / "link").symlink_to("B")
    (tmp_path / "folder-link").symlink_to("a")
    assert sha256_folder(tmp_path) == shell_hash(tmp_path)


@pytest.mark.parametrize("change", ["content", "name", "more", "fewer"])
def test_any_change_changes_a_folders_hash(tmp_path: Path, change: str) -> None:
    write(tmp_path, ["a", "b/c"])
    before = sha256_folder(tmp_path)
    match change:
        case "content":
            (tmp_path / "a").write_bytes(b"A")
        case "name":
            os.rename(tmp_path / "a", tmp_path / "b" / "a")
        case "more":
            write(tmp_path, ["d"])
        case "fewer":
            (tmp_path / "a").unlink()
    assert sha256_folder(tmp_path) != before


def test_a_name_that_could_forge_a_line_is_refused(tmp_path: Path) -> None:
    write(tmp_path, ["a\n00  ./b"])
    with pytest.raises(UserError, match=r"'\./a\\n00  \./b'"):
        sha256_folder(tmp_path)


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is empty"):
        sha256_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        sha256_folder(tmp_path / "missing")
