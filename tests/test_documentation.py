"""Examples in docstrings, README.md and docs/ are run; links inside the repository lead somewhere."""

import doctest
import importlib
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
# Extras that an installation need not have.
OPTIONAL = {"torch", "triton", "ray", "matplotlib", "transformers", "safetensors", "yaml", "tensorboard"}
# Modules whose examples need an extra that they do not import themselves.
NEEDED = {"skmfast.experiments.configuration": "yaml", "skmfast.experiments.yaml_settings": "yaml"}
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "skmfast").rglob("*.py")
    if path.name != "__main__.py"
)


def blocks() -> list:
    return [
        pytest.param(match[1], id=f"{page.name}:{page.read_text()[: match.start()].count(chr(10)) + 1}")
        for page in PAGES
        for match in re.finditer(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    ]


@pytest.mark.parametrize("block", blocks())
def test_python_in_pages(block, tmp_path, monkeypatch):
    (tmp_path / "README.md").write_bytes((ROOT / "README.md").read_bytes())
    monkeypatch.chdir(tmp_path)
    try:
        exec(compile(block, "example", "exec"), {"__name__": "example"})
    except ModuleNotFoundError as error:
        if error.name not in OPTIONAL:
            raise
        pytest.skip(f"{error.name} is not installed")


def test_there_are_examples():
    assert len(blocks()) >= 2
    assert "skmfast.codes.measure" in MODULES


def missing(examples: doctest.DocTest) -> set[str]:
    """Extras that the examples import and that are not installed."""
    imported = re.findall(r"^import (\w+)", "".join(each.source for each in examples.examples), re.MULTILINE)
    return {name for name in OPTIONAL.intersection(imported) if importlib.util.find_spec(name) is None}


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in OPTIONAL:
            raise
        pytest.skip(f"{error.name} is not installed")
    if name in NEEDED:
        pytest.importorskip(NEEDED[name])
    runner = doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL | doctest.ELLIPSIS)
    for examples in doctest.DocTestFinder().find(module):
        if not missing(examples):
            runner.run(examples)
    assert runner.failures == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_readme_has_the_two_commands():
    text = (ROOT / "README.md").read_text()
    install = 'python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e ".[test]"'
    assert f"\n{install} && .venv/bin/skmfast demo\n" in text
    assert "\n.venv/bin/pytest\n" in text
