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

    def __init__(self, folder: Path, secretary: str | None = None) -> None:
        """Begins one whose publications the server signs, or a secretary of that name."""
        self.folder = folder
        self.people: set[str] = set()
        self.secretary = secretary
        folder.mkdir()
        (folder / "to-trinh.txt").write_text(PAPER)
        (folder / "passphrase").write_text("a passphrase of these tests")
        signed_by = "secretary" if secretary else "server"
        root = ["--root-key", folder / "root.key", "--passphrase-file", folder / "passphrase"]
        self.command("init", *root, "--publications", signed_by)
        if secretary:
            passphrases = ["--passphrase-file", folder / "passphrase", "--new-passphrase-file", folder / "passphrase"]
            self.command("keys", "publication", "--name", secretary, "--out", folder / "secretary.key", *passphrases)
        self.address = "127.0.0.1:0"
        self.start()
        self.publish(PROGRAMME)

    def start(self) -> None:
        """Serves, at the address that it had."""
        port_file = self.folder / "port"
        self.server = subprocess.Popen(
            [NGHISU, "serve", "--data", self.folder / "data", "--listen", self.address, "--port-file", port_file],
            stdout=subprocess.PIPE,
            text=True,
        )
        # It says so once it is open.
        if not self.server.stdout.readline():
            raise RuntimeError(f"the office has ended: {self.server.wait()}")
        self.address = port_file.read_text()

    def publish(self, programme: str) -> None:
        """Imports a programme with the paper beside it, and publishes it."""
        (self.folder / "programme.toml").write_text(programme)
        self.command("import", self.folder / "programme.toml")
        if not self.secretary:
            self.command("publish")
            return
        proposal = self.folder / "proposal"
        self.command("publish", "--prepare", proposal)
        key = ["--key", self.folder / "secretary.key", "--passphrase-file", self.folder / "passphrase"]
        self.command("publish", "--proposal", proposal, "--yes", *key)
        self.command("publish", "--signed", self.folder / "proposal.signed")
        proposal.unlink()
        (self.folder / "proposal.signed").unlink()

    def invitation(self, name: str, role: str = "delegate") -> str:
        """Invites one device of a person, who is added the first time; its six digits are compared by nobody."""
        return self._invited(name, "--confirm-at-once", role=role)

    def invitation_to_compare(self, name: str) -> str:
        """Invites one device of a person, which waits until `device confirm` gets its six digits."""
        return self._invited(name)

    def _invited(self, name: str, *options: str, role: str = "delegate") -> str:
        if name not in self.people:
            self.people.add(name)
            self.command("person", "add", name, "--role", role)
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
