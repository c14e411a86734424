"""A headless Chromium, driven over its debugging pipe: pages as a person would see them."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe"),
)


class Browser:
    """One tab of a browser.

    Args:
        commands: descriptor of the pipe to the browser.
        events: pipe from the browser.

    Attributes:
        requested: the URLs that pages asked for.
        complaints: what the browser wrote to its console, such as violations of a content security policy.
    """

    def __init__(self, commands: int, events: IO[bytes]) -> None:
        self._commands, self._events = commands, events
        self._number, self._session = 0, ""
        self.requested: list[str] = []
        self.complaints: list[str] = []
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self._send(f"{domain}.enable")

    def open(self, file: Path, width: int, *, is_dark: bool = False) -> None:
        """Open a file in a window of this width, and wait until it is shown."""
        is_phone = width < 600
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": is_phone}
        self._send("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self._send("Emulation.setEmulatedMedia", features=[scheme])
        self._send("Page.navigate", url=file.as_uri())
        self.evaluate(
            "new Promise(done => document.readyState == 'complete' ? done() : addEventListener('load', done))"
        )

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript in the page."""
        done = self._send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def save_picture(self, file: Path) -> None:
        """Save a picture of the whole page."""
        done = self._send("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(done["data"]))

    def _send(self, method: str, **params: Any) -> Any:
        self._number += 1
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": self._number, "method": method, "params": params, **session}
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._number:
            self._note(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _receive(self) -> Any:
        text = bytearray()
        while (byte := self._events.read(1)) != b"\0":
            assert byte, "the browser has ended"
            text += byte
        return json.loads(text)

    def _note(self, event: Any) -> None:
        if event.get("method") == "Network.requestWillBeSent":
            self.requested.append(event["params"]["request"]["url"])
        elif event.get("method") in ("Log.entryAdded", "Runtime.consoleAPICalled", "Page.javascriptDialogOpening"):
            self.complaints.append(json.dumps(event["params"]))


@contextlib.contextmanager
def open_browser(profile: Path) -> Iterator[Browser]:
    """Provide a browser with an empty profile in a directory."""
    commands_out, commands_in = os.pipe()
    events_out, events_in = os.pipe()
    # Chromium reads commands from descriptor 3 and writes events to descriptor 4.
    script = f'exec chromium "$@" 3<&{commands_out} 4>&{events_in}'
    command = ["bash", "-c", script, "chromium", *OPTIONS, f"--user-data-dir={profile}"]
    process = subprocess.Popen(
        command, pass_fds=(commands_out, events_in), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(commands_out)
    os.close(events_in)
    with os.fdopen(events_out, "rb") as events:
        try:
            yield Browser(commands_in, events)
        finally:
            os.close(commands_in)  # which ends the browser
            process.wait(timeout=20)
