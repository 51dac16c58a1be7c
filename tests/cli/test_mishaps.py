"""What goes wrong is one line on standard error and an exit code, whichever command it meets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from skmfast.cli.app import printable

FULL = Path("/dev/full")
PROGRAM = "from skmfast.cli import main; main()"


def skmfast(*arguments, cwd, stdout=subprocess.PIPE, program=PROGRAM):
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=cwd,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=os.environ | {"SKMFAST_THREADS": "1"},
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "text").write_text("to be or not to be")
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ["codelength", "text", "--code", "lm:absent.bin"],
        ["compress", "text", "--code", "lm:absent.bin"],
        ["decompress", "text", "-o", "out", "--code", "lm:absent.bin"],
        ["laws", "learning-curve", "text", "--code", "lm:absent.bin"],
    ],
)
def test_a_model_that_is_not_there(folder, arguments):
    done = skmfast(*arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "skmfast: absent.bin: No such file or folder, here or in those of SKMFAST_MODELS\n"
    )


@pytest.mark.skipif(not FULL.is_char_device(), reason="no /dev/full here")
@pytest.mark.parametrize(
    "arguments", [["codes"], ["codes", "--json"], ["compress", "text", "-o", "-"], ["laws", "zipf", "--help"]]
)
def test_a_full_disk_behind_standard_output(folder, arguments):
    with FULL.open("w") as full:
        done = skmfast(*arguments, cwd=folder, stdout=full)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "skmfast: standard output: No space left on device"
    assert "Traceback" not in done.stderr


def test_not_enough_memory(folder):
    done = skmfast(
        "generate", "biographies", "--sentences", "9", "--out", "out", "--kinds", "1000000000000", cwd=folder
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("skmfast: not enough memory: ")
    assert done.stderr.count("\n") == 1
    assert os.listdir(folder) == ["text"]


def test_interrupted_before_there_is_a_command(tmp_path):
    """Ctrl-C while modules are imported ends quietly."""
    program = f"import skmfast.cli\nskmfast.cli.MODULES = ('absent',)\n{PROGRAM}"
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib\n"
        "def interrupted(name): raise KeyboardInterrupt\n"
        "importlib.import_module = interrupted\n"
    )
    done = skmfast(cwd=tmp_path, program=f"import sitecustomize\n{program}")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, é and 漢", "plain, é and 漢"),
        ("two\nlines", "two\\nlines"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("no UTF-8: \udcff", "no UTF-8: \\udcff"),
    ],
)
def test_what_cannot_be_shown_is_escaped(text, shown):
    assert printable(text) == shown


def test_names_with_line_breaks_stay_on_their_line(folder):
    (folder / "a\nb").write_text("to be")
    done = skmfast("codelength", "a\nb", "absent\x1b31m", "--code", "uniform", cwd=folder)
    assert done.stderr == "skmfast: absent\\x1b31m: does not exist\n"
    assert any(line.split()[:1] == ["a\\nb"] for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("closed", "arguments", "message"),
    [
        (">&-", "text -o -", "skmfast: standard output is closed\n"),
        ("<&-", "- -o out", "skmfast: standard input is closed\n"),
    ],
)
def test_closed_streams(folder, closed, arguments, message):
    command = f'"{sys.executable}" -c "{PROGRAM}" compress {arguments} --code uniform {closed}'
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        stdin=subprocess.PIPE,
    )
    assert (done.returncode, done.stderr) == (1, message)
    assert os.listdir(folder) == ["text"]
