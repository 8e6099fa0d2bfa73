"""A page that shows frames as they come, to browsers on this machine alone."""

import html
import io
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import ClassVar, Self

from PIL import Image

from agents.errors import UsageError
from analysis.panels.ink import Pixels

HOST = "127.0.0.1"
BOUNDARY = "frame"
JPEG_QUALITY = 88
PATIENCE_SECONDS = 0.5
"""How long a browser waits for a frame before it is looked whether the page has closed."""

HTML = """<!doctype html>
<meta charset="utf-8"><title>{title}</title>
<style>html, body {{ margin: 0; height: 100%; background: #0d1015 }}
img {{ width: 100%; height: 100%; object-fit: contain }}</style>
<img src="/frames" alt="{title}">
"""


class Page:
    """Serves a page with a moving picture on localhost, from threads of its own.

    Args:
        port: Of the page; 0 for any that is free.
        title: Of the page.

    Raises:
        UsageError: The port is taken, or not one that may be used.
    """

    def __init__(self, port: int, *, title: str) -> None:
        self.html = HTML.format(title=html.escape(title)).encode()
        self.closed = False
        self.frame: bytes | None = None
        self.count = 0
        self.viewers = 0
        self.changed = threading.Condition()
        page = self

        class Handler(_Handler):
            served = page

        try:
            self._server = ThreadingHTTPServer((HOST, port), Handler)
        except (OSError, OverflowError) as error:
            reason = " ".join(str(error).split())
            raise UsageError(
                f"port {port} cannot be used ({reason}): take another with port=..., or port=0"
            ) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def address(self) -> str:
        """Where browsers find the page."""
        return f"http://{HOST}:{self._server.server_address[1]}/"

    def is_wanted(self) -> bool:
        """Return whether somebody looks, or nobody has seen anything yet."""
        return self.viewers > 0 or self.frame is None

    def has_news(self, seen: int) -> bool:
        """Return whether there is a frame after the one that was seen, or no more to come."""
        return self.closed or (self.frame is not None and self.count != seen)

    def show(self, frame: Pixels) -> None:
        """Show a frame to whoever looks; it is copied."""
        written = io.BytesIO()
        Image.fromarray(frame).save(written, "JPEG", quality=JPEG_QUALITY)
        with self.changed:
            self.frame = written.getvalue()
            self.count += 1
            self.changed.notify_all()

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let every browser go and free the port."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers a browser: `/` is the page, `/frames` its moving picture."""

    served: ClassVar[Page]

    def do_GET(self) -> None:
        """Answer; who calls this machine by another name than its own may not look."""
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        if host not in (HOST, "localhost"):  # a foreign page that had its name resolve to us
            self.send_error(403)
        elif self.path == "/":
            self._send("text/html; charset=utf-8", self.served.html)
        elif self.path == "/frames":
            self._stream()
        else:
            self.send_error(404)

    def _send(self, kind: str, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        """Send frames, the latest each time, until the browser or the page closes."""
        page = self.served
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        with page.changed:
            page.viewers += 1
        try:
            sent = -1
            while not page.closed:
                with page.changed:
                    page.changed.wait_for(partial(page.has_news, sent), PATIENCE_SECONDS)
                    frame, count = page.frame, page.count
                if frame is None or count == sent:
                    continue
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(frame)}"
                self.wfile.write(f"{head}\r\n\r\n".encode() + frame + b"\r\n")
                sent = count
        except OSError:
            pass  # the browser has gone
        finally:
            with page.changed:
                page.viewers -= 1

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: requests are no news."""
