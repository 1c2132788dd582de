"""A real office for the tests: the program, on a free port, with one programme that the tests write."""

import json
import subprocess
from pathlib import Path

NGHISU = Path(__file__).parents[3] / "target/ci/nghisu"

PROGRAMME = """
id = "ky-hop-1"
kind = "regular_session"
title = "Kỳ họp thứ nhất"
when = { year = 2026, month = 7, day = 9 }

[[paper]]
id = "to-trinh"
number = "12/TTr-UBND"
title = "Tờ trình về dự toán"
file = "to-trinh.txt"

[[item]]
id = "khai-mac"
number = "1"
title = "Khai mạc"
type = "ceremony"
minutes = 10

[[item]]
id = "du-toan"
number = "2"
title = "Dự toán ngân sách"
type = "report"
presenters = [{ person = "Bà Bình", post = "Giám đốc Sở Tài chính" }]
minutes = 30
papers = ["to-trinh"]
"""

PAPER = "Nội dung tờ trình.\n"


class Office:
    """An office that serves, and has published `PROGRAMME`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.people: set[str] = set()
        port_file = folder / "port"
        folder.mkdir()
        self.server = subprocess.Popen(
            [NGHISU, "serve", "--data", folder / "data", "--listen", "127.0.0.1:0", "--port-file", port_file],
            stdout=subprocess.PIPE,
            text=True,
        )
        # It says so once it is open.
        if not self.server.stdout.readline():
            raise RuntimeError(f"the office has ended: {self.server.wait()}")
        self.address = port_file.read_text()
        self.publish(PROGRAMME)

    def publish(self, programme: str) -> None:
        """Imports a programme with the paper beside it, and publishes it."""
        (self.folder / "to-trinh.txt").write_text(PAPER)
        (self.folder / "programme.toml").write_text(programme)
        self.command("import", self.folder / "programme.toml")
        self.command("publish")

    def invitation(self, name: str) -> str:
        """Invites one device of a person, who is added the first time; its six digits are compared by nobody."""
        return self._invited(name, "--confirm-at-once")

    def invitation_to_compare(self, name: str) -> str:
        """Invites one device of a person, which waits until `device confirm` gets its six digits."""
        return self._invited(name)

    def _invited(self, name: str, *options: str) -> str:
        if name not in self.people:
            self.people.add(name)
            self.command("person", "add", name)
        return json.loads(self.command("invite", "--person", name, "--json", *options))["invitation"]

    def command(self, *arguments: str | Path) -> str:
        """Runs a command of the office and returns what it prints."""
        data = ["--data", self.folder / "data"]
        return subprocess.run([NGHISU, *arguments, *data], check=True, text=True, capture_output=True).stdout

    def stop(self) -> None:
        """Stops serving. Safe to repeat."""
        self.server.terminate()
        self.server.wait()
        self.server.stdout.close()
