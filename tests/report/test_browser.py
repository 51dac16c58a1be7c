"""The page in a real Chromium: it opens, every figure shows, nothing complains, in every theme and width."""

import re

import numpy as np
import pytest
from browser import VIEWS, Browser, find

from skmfast.report import Settings, corpus_report, gather

pytestmark = pytest.mark.skipif(find() is None, reason="no Chromium is installed (or set SKMFAST_CHROMIUM)")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    rng = np.random.default_rng(1)
    for number in range(25):
        text = " ".join(f"word{rank % 5000}" for rank in rng.zipf(1.4, 400))
        (folder / f"a-long-name-{number}.txt").write_text(text + "<script>document.title = 1</script>")
    (folder / "noise.bin").write_bytes(rng.bytes(3000))
    out = folder / "report.html"
    settings = Settings(sample_bytes=20_000, threads=2)
    corpus_report(gather(folder, settings), out, settings)
    return out


def luminance(colour):
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


def test_page_in_chromium(page):
    with Browser(find()) as browser:
        for name, view in VIEWS.items():
            found = browser.open(page, **view)
            assert found["figures"] >= 9, name
            assert found["hidden"] == found["unlabelled"] == found["scripts"] == 0, name
            assert found["width"] <= found["window"], f"{name}: wider than the window"
            assert found["requests"] == []
            dark = view.get("dark", False)
            assert (luminance(found["paper"]) < luminance(found["ink"])) == dark, name
            assert browser.picture(whole=False).startswith(b"\x89PNG")
        assert browser.pdf().startswith(b"%PDF-")
        assert browser.complaints == []
