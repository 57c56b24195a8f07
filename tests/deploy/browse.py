"""Opens a page in headless Chromium and prints what its #outcome says once it is done.

usage: browse.py URL [SCREENSHOT.png [WIDTH,HEIGHT]]

Speaks the DevTools protocol over two pipes: no port, no package. Certificates are not checked:
what is looked at here is the browser's `Origin`, and a browser has no option to trust one file.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TIMEOUT_S = 60
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--hide-scrollbars", "--ignore-certificate-errors",
    "--remote-debugging-pipe",
]


class Chromium:
    """A browser of its own, with a fresh profile; ends with the `with` block."""

    def __init__(self, size="720,420"):
        self.size = size

    def __enter__(self):
        program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
        if program is None:
            sys.exit("no chromium-headless-shell and no chromium")
        self.profile = tempfile.mkdtemp(prefix="chromium-")
        theirs_in, self.to = os.pipe()
        self.of, theirs_out = os.pipe()
        # The browser reads from descriptor 3 and writes to 4. Ours may be those numbers
        # themselves, so both are moved out of the way first.
        theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (theirs_in, theirs_out)]

        def wire():
            for fd, number in zip(theirs, (3, 4)):
                os.dup2(fd, number)

        self.process = subprocess.Popen(
            [program, *FLAGS, f"--window-size={self.size}", f"--user-data-dir={self.profile}",
             "about:blank"],
            preexec_fn=wire, close_fds=False, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for fd in (theirs_in, theirs_out, *theirs):
            os.close(fd)
        self.kept, self.last, self.session = b"", 0, None
        self.deadline = time.monotonic() + TIMEOUT_S
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, **params):
        """One command and its result; events in between are passed over."""
        self.last += 1
        command = {"id": self.last, "method": method, "params": params}
        if self.session:
            command["sessionId"] = self.session
        os.write(self.to, json.dumps(command).encode() + b"\0")
        while True:
            message = self.receive()
            if message.get("id") != self.last:
                continue
            if "error" in message:
                sys.exit(f"{method}: {message['error']}")
            return message["result"]

    def receive(self):
        while b"\0" not in self.kept:
            left = self.deadline - time.monotonic()
            if left <= 0 or not select.select([self.of], [], [], left)[0]:
                sys.exit("the browser does not answer")
            came = os.read(self.of, 65_536)
            if not came:
                sys.exit("the browser has ended")
            self.kept += came
        message, _, self.kept = self.kept.partition(b"\0")
        return json.loads(message)

    def open(self, url):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        failed = self.call("Page.navigate", url=url).get("errorText")
        if failed:
            sys.exit(f"{url}: {failed}")

    def value(self, expression):
        return self.call("Runtime.evaluate", expression=expression)["result"].get("value")


def main(url, screenshot=None, size="720,420"):
    with Chromium(size) as browser:
        browser.open(url)
        while not browser.value("document.body && document.body.dataset.done"):
            if time.monotonic() > browser.deadline:
                sys.exit("the page does not get done")
            time.sleep(0.05)
        print(browser.value("document.getElementById('outcome').textContent"))
        if screenshot:
            picture = browser.call("Page.captureScreenshot", format="png")["data"]
            with open(screenshot, "wb") as file:
                file.write(base64.b64decode(picture))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
