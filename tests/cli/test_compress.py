"""skmfast compress and decompress, as a user runs them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TEXT = b"It is a truth universally acknowledged\n" * 20


def skmfast(*arguments: str, cwd: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", "from skmfast.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "book.txt").write_bytes(TEXT)
    return tmp_path


def failure(result: subprocess.CompletedProcess[bytes], code: int) -> str:
    """The one clean line of a failed command."""
    assert result.returncode == code
    assert result.stdout == b""
    (line,) = result.stderr.decode().splitlines()
    assert line.startswith("skmfast: ")
    return line


def test_there_and_back(folder: Path) -> None:
    assert skmfast("compress", "book.txt", "--code", "kt:order=3,alpha=0.1", cwd=folder).returncode == 0
    assert 0 < (folder / "book.txt.skm").stat().st_size < len(TEXT)
    (folder / "book.txt").unlink()
    assert skmfast("decompress", "book.txt.skm", cwd=folder).returncode == 0
    assert (folder / "book.txt").read_bytes() == TEXT
    assert sorted(os.listdir(folder)) == ["book.txt", "book.txt.skm"]


def test_pipes(folder: Path) -> None:
    packed = skmfast("compress", "-", "-o", "-", "--code", "kt", cwd=folder, stdin=TEXT)
    assert packed.returncode == 0
    unpacked = skmfast("decompress", "-", "-o", "-", cwd=folder, stdin=packed.stdout)
    assert (unpacked.returncode, unpacked.stdout, unpacked.stderr) == (0, TEXT, b"")


def test_outputs_are_not_replaced_unasked(folder: Path) -> None:
    (folder / "out").write_bytes(b"precious")
    line = failure(skmfast("compress", "book.txt", "-o", "out", "--code", "kt", cwd=folder), 2)
    assert "out: exists; --force" in line
    assert (folder / "out").read_bytes() == b"precious"
    assert skmfast("compress", "book.txt", "-o", "out", "--code", "kt", "--force", cwd=folder).returncode == 0
    assert (folder / "out").read_bytes() != b"precious"


def test_damaged_files_leave_no_output(folder: Path) -> None:
    skmfast("compress", "book.txt", "-o", "good", "--code", "kt", cwd=folder)
    good = (folder / "good").read_bytes()
    flipped = bytearray(good)
    flipped[-20] ^= 16
    for bad, words in (
        (good[:-1], f"bad: truncated: the file ends at byte {len(good) - 1}"),
        (bytes(flipped), "bad: damaged payload in block 1 of 1, at byte"),
        (TEXT, "bad: not a skmfast file"),
        (b"", "bad: truncated: the file ends at byte 0"),
    ):
        (folder / "bad").write_bytes(bad)
        assert words in failure(skmfast("decompress", "bad", "-o", "out", cwd=folder), 1)
        assert sorted(os.listdir(folder)) == ["bad", "book.txt", "good"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("compress", "missing.txt", "--code", "kt"), 1, "missing.txt: No such file"),
        (("compress", "book.txt", "--code", "nonsense"), 2, "nonsense"),
        (("compress", "book.txt", "--code", "kt:order=9"), 2, "order=9"),
        (("compress", "book.txt", "--code", "kt", "-o", "no/such/folder"), 2, "no such folder"),
        (("compress", "-", "--code", "kt"), 2, "-o"),
        (("decompress", "book.txt"), 2, "-o"),
    ],
)
def test_misuse(folder: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    assert words in failure(skmfast(*arguments, cwd=folder), code)
    assert os.listdir(folder) == ["book.txt"]


def test_permissions_follow_the_umask_or_the_old_file(folder: Path) -> None:
    skmfast("compress", "book.txt", "--code", "kt", cwd=folder)
    mask = os.umask(0)
    os.umask(mask)
    assert (folder / "book.txt.skm").stat().st_mode & 0o777 == 0o666 & ~mask
    (folder / "book.txt.skm").chmod(0o640)
    skmfast("compress", "book.txt", "--code", "kt", "-f", cwd=folder)
    assert (folder / "book.txt.skm").stat().st_mode & 0o777 == 0o640


def test_a_model_of_torch(folder: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: Any) -> None:
    """In this process: torch takes long to import."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "codes")
    monkeypatch.chdir(folder)
    from tiny_models import save_model, save_tokenizer

    from skmfast.cli import main

    def command(*arguments: str) -> tuple[int, bytes, str]:
        monkeypatch.setattr(sys, "argv", ["skmfast", *arguments])
        capsysbinary.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsysbinary.readouterr()
        return int(left.value.code or 0), printed.out, printed.err.decode()

    save_model(folder / "tiny")
    save_tokenizer(folder / "tiny")
    data = TEXT[:50] + b"\xff"
    (folder / "book.txt").write_bytes(data)
    assert command("compress", "book.txt", "--code", "lm:tiny,dtype=float32")[0] == 0
    assert command("decompress", "book.txt.skm", "-o", "-") == (0, data, "")
    status, _, line = command("compress", "book.txt", "--code", "lm:tiny,device=cuda:99", "-o", "x")
    assert status == 2
    assert "device: 'cuda:99' is not there" in line
    save_model(folder / "tiny", tie_word_embeddings=True)
    status, _, line = command("decompress", "book.txt.skm", "-o", "-")
    assert status == 1
    assert "model_sha256: another file is asked for" in line
    assert line.count("\n") == 1
