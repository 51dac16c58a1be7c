"""Files that appear whole or not at all; devices and pipes are written to as they stand."""

import os
import stat
import threading

import pytest

from skmfast.files import whole_file


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "out"
    with whole_file(path) as file:
        file.write(b"first")
    with pytest.raises(TypeError), whole_file(path) as file:
        file.writelines([b"half of", "no bytes"])
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["out"]


def test_permissions_and_links_stay(tmp_path):
    path, link = tmp_path / "out", tmp_path / "link"
    path.write_bytes(b"first")
    path.chmod(0o640)
    link.symlink_to(path)
    with whole_file(link) as file:
        file.write(b"second")
    assert link.is_symlink()
    assert path.read_bytes() == b"second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()), daemon=True)
    reader.start()
    with whole_file(path) as file:
        file.write(b"through the pipe")
    assert stat.S_ISFIFO(path.stat().st_mode)
    reader.join(timeout=20)
    assert read == [b"through the pipe"]


def test_errors_name_the_file_that_was_asked_for(tmp_path):
    path = tmp_path / "absent" / "out"
    with pytest.raises(FileNotFoundError) as caught, whole_file(path):
        pass
    assert caught.value.filename == str(path)
