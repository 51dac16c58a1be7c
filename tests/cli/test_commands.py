"""The app itself, ``codes`` and ``demo``."""

import importlib
import json
import subprocess
import sys

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from skmfast import __version__, cli
from skmfast.cli import demo
from skmfast.cli.app import app
from skmfast.codes.registry import ENTRIES, parameters_of

for module in cli.MODULES:
    importlib.import_module(f"skmfast.cli.{module}")
COMMANDS = sorted(command.name or command.callback.__name__ for command in app.registered_commands)


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], *([name, "--help"] for name in COMMANDS)])
def test_help_loads_nothing_heavy(arguments):
    """What makes ``--help`` slow is imports: of ours, and of what the interface is made with."""
    program = (
        "import sys, skmfast.cli\n"
        f"sys.argv = ['skmfast', *{arguments!r}]\n"
        "try: skmfast.cli.main()\n"
        "except SystemExit as end: code = end.code or 0\n"
        "heavy = {'torch', 'numpy', 'pyarrow', 'rich', 'pydantic', 'zstandard', 'brotli', 'fsspec'}\n"
        "print('loaded:', sorted(heavy & set(sys.modules)), 'exit code:', code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "loaded: [] exit code: 0", done.stderr
    assert done.stdout.startswith("Usage: ")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name):
    command = get_command(app).commands[name]
    assert command.help
    assert [each.name for each in command.params if not each.help] == []


def test_version():
    assert invoke("--version").output == f"skmfast {__version__}\n"


def test_codes_lists_every_code_with_its_parameters():
    result = invoke("codes")
    assert result.exit_code == 0
    for name in ENTRIES:
        assert name in result.output
        for parameter in parameters_of(name):
            assert f"{parameter.name}={parameter.default}" in result.output


def test_codes_as_json():
    listing = {entry["code"]: entry for entry in json.loads(invoke("codes", "--json").output)}
    assert list(listing) == list(ENTRIES)
    assert listing["zstd"]["parameters"] == [
        {"name": "level", "kind": "integer", "default": "19"},
        {"name": "long", "kind": "integer", "default": "0"},
    ]


def test_demo_text_is_real_and_the_same_every_time():
    text = demo.demo_text()
    assert text == demo.demo_text()
    assert len(text) > 300_000
    assert text.decode().startswith("assert\n======\n")


def test_demo(monkeypatch):
    """Every code that takes any text is shown, from best to worst, with its round trip."""
    text = demo.demo_text()[:20_000]
    monkeypatch.setattr(demo, "demo_text", lambda: text)
    result = invoke("demo")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines() if "identical" in line]
    special = {"gzip", "oracle", "bayes-mixture", "lm"}
    assert {line[0].partition(":")[0] for line in lines} == set(ENTRIES) - special
    figures = [float(line[1]) for line in lines]
    assert figures == sorted(figures)
    assert lines[-1][:2] == ["uniform", "8.000"]


def test_demo_finds_a_code_that_does_not_decode(monkeypatch):
    from skmfast.codes.uniform import Uniform

    monkeypatch.setattr(demo, "demo_text", lambda: b"abc" * 100)
    monkeypatch.setattr(Uniform, "decode", lambda self, payload, num_bytes: b"other")
    result = invoke("demo")
    assert result.exit_code == 1
    assert "DIFFERS" in result.output
    assert "decoding gave other bytes than were encoded: " in result.stderr
    assert result.stderr.endswith("uniform\n")


def test_codelength_in_process(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"abc")
    result = invoke("codelength", tmp_path / "a.txt", "--code", "uniform", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["total"]["bits"] == 24.0
    assert invoke("codelength", tmp_path / "b.txt", "--code", "uniform").exit_code == 1
    assert invoke("codelength").exit_code == 2


def listed(*group):
    """Names and descriptions of commands, as the help lists them."""
    lines = invoke(*group, "--help").output.partition("Commands:\n")[2].splitlines()
    return dict(line.split(maxsplit=1) for line in lines)


@pytest.mark.parametrize("group", [(), ("laws",), ("generate",)])
def test_commands_are_listed_with_a_whole_sentence_each(group):
    """What is longer than a line of a terminal would be cut."""
    for name, sentence in listed(*group).items():
        assert sentence.endswith("."), name
        assert not sentence.endswith("..."), name


def test_commands_are_listed_by_name():
    names = list(listed())
    assert names == sorted(names)
    assert {*COMMANDS, "generate", "laws"} == set(names)
