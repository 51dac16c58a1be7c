"""A page in a real Chromium, driven over its debugging pipe: what it says, how it looks, how it prints.

As a script it takes pictures: ``python tests/report/browser.py page.html folder`` of every view, and with
``page.html picture.png`` the one that README shows (which needs Pillow; matplotlib brings it).
"""

import base64
import io
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TIMEOUT_S = 60

# What a reader would notice: figures without size or label, text cut off, a page wider than the window.
INSPECT = """
(() => {
  const seen = element => {
    const box = element.getBoundingClientRect();
    return box.width > 20 && box.height > 20;
  };
  const figures = [...document.querySelectorAll('figure')];
  return {
    width: document.documentElement.scrollWidth,
    window: window.innerWidth,
    height: document.documentElement.scrollHeight,
    figures: figures.length,
    hidden: figures.filter(each => !seen(each.querySelector('svg[role=img], img'))).length,
    unlabelled: [...document.querySelectorAll('svg[role=img], img')]
      .filter(each => !(each.getAttribute('aria-label') || each.alt)).length,
    paper: getComputedStyle(document.body).backgroundColor,
    ink: getComputedStyle(document.body).color,
    scripts: document.scripts.length,
    requests: performance.getEntriesByType('resource').map(each => each.name),
  };
})()
"""


def find():
    """Path of a Chromium, or None; SKMFAST_CHROMIUM names one."""
    wanted = os.environ.get("SKMFAST_CHROMIUM")
    return wanted or next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """A headless Chromium with one open page; a context manager."""

    def __init__(self, executable):
        self._numbers = itertools.count(1)
        self._rest = b""
        self.complaints = []
        self._folder = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        read_commands, self._commands = os.pipe()
        self._answers, write_answers = os.pipe()
        flags = [
            "--headless=new",
            "--remote-debugging-pipe",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ]
        flags += ["--disable-dev-shm-usage", "--hide-scrollbars", f"--user-data-dir={self._folder.name}"]
        # The browser reads commands on descriptor 3 and answers on 4.
        shell = 'commands=$1 answers=$2; shift 2; eval "exec \\"\\$@\\" 3<&$commands 4>&$answers"'
        self._process = subprocess.Popen(
            [
                "bash",
                "-c",
                shell,
                "bash",
                str(read_commands),
                str(write_answers),
                executable,
                *flags,
                "about:blank",
            ],
            pass_fds=(read_commands, write_answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_commands)
        os.close(write_answers)
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = None
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self._session = None
            self._call("Browser.close")
            self._process.wait(TIMEOUT_S)
        finally:
            self._process.kill()
            self._process.wait()
            os.close(self._commands)
            os.close(self._answers)
            self._folder.cleanup()

    def open(self, path, *, width=1200, height=900, dark=False, scale=1):
        """Show a file in a window of a size; says what `INSPECT` finds."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[theme])
        self._loaded = False
        self._call("Page.navigate", url=Path(path).resolve().as_uri())
        deadline = time.monotonic() + TIMEOUT_S
        while not self._loaded and time.monotonic() < deadline:
            self._call("Runtime.evaluate", expression="0")
            time.sleep(0.05)
        return self._call("Runtime.evaluate", expression=INSPECT, returnByValue=True)["result"]["value"]

    def picture(self, whole=True):
        """PNG of the page, or of the window alone."""
        return base64.b64decode(self._call("Page.captureScreenshot", captureBeyondViewport=whole)["data"])

    def pdf(self):
        """The page as it prints."""
        return base64.b64decode(self._call("Page.printToPDF", preferCSSPageSize=True)["data"])

    def _call(self, method, **parameters):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if getattr(self, "_session", None):
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def _next(self):
        while b"\0" not in self._rest:
            piece = os.read(self._answers, 1 << 20)
            if not piece:
                raise RuntimeError("the browser has gone")
            self._rest += piece
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event):
        """Keep what a console would show in red, or yellow."""
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Log.entryAdded":
            self.complaints.append(parameters["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(parameters["exceptionDetails"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(f"console.{parameters['type']}")
        elif method == "Network.loadingFailed":
            self.complaints.append(f"failed request: {parameters['errorText']}")


VIEWS = {
    "desktop-light": {"width": 1200},
    "desktop-dark": {"width": 1200, "dark": True},
    "phone-light": {"width": 390, "height": 844},
    "phone-dark": {"width": 390, "height": 844, "dark": True},
}


def take_pictures(page, folder):
    """Pictures of every view and the print, into a folder; what each view says."""
    found = {}
    with Browser(find()) as browser:
        for name, view in VIEWS.items():
            found[name] = browser.open(page, **view)
            (Path(folder) / f"{name}.png").write_bytes(browser.picture())
        (Path(folder) / "print.pdf").write_bytes(browser.pdf())
        return found, browser.complaints


def take_readme_picture(page, target):
    """The top of the page in a wide window, and beside it on a phone in the dark."""
    from PIL import Image

    gap, tall = 48, 1730
    with Browser(find()) as browser:
        views = ({"width": 1000, "height": tall}, {"width": 390, "height": tall, "dark": True})
        pictures = []
        for view in views:
            browser.open(page, **view)
            pictures.append(Image.open(io.BytesIO(browser.picture(whole=False))).convert("RGB"))
        if browser.complaints:
            raise RuntimeError(f"the browser complains: {browser.complaints}")
    whole = Image.new("RGB", (sum(each.width for each in pictures) + gap, tall), "white")
    whole.paste(pictures[0], (0, 0))
    whole.paste(pictures[1], (pictures[0].width + gap, 0))
    # So few colours need no more than a palette.
    whole.quantize(128, dither=Image.Dither.NONE).save(target, optimize=True)


if __name__ == "__main__":
    if sys.argv[2].endswith(".png"):
        take_readme_picture(sys.argv[1], sys.argv[2])
    else:
        print(json.dumps(take_pictures(sys.argv[1], sys.argv[2]), indent=1))
