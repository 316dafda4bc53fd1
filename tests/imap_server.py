"""A small IMAP server in a thread: log-in, SELECT, UID SEARCH UNSEEN, UID FETCH of a part, UID STORE of the flag Seen."""

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Inbox:
    """mails: uid -> bytes. cut_after: the line breaks after so many fetched mails."""

    mails: dict[int, bytes]
    password: str = "secret word"
    port: int = 0
    seen: set[int] = field(default_factory=set)
    fetched: int = 0
    cut_after: int | None = None

    @property
    def url(self) -> str:
        return f"imap://bounces%40example.net:secret%20word@127.0.0.1:{self.port}/Bounces"


class _Line(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.say("* OK ready")
        for raw in self.rfile:
            tag, _, command = raw.decode().strip().partition(" ")
            if not self.answer(tag, command):
                return

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")

    def answer(self, tag: str, command: str) -> bool:
        inbox: Inbox = self.server.inbox
        result = "OK done"
        if command == "CAPABILITY":
            self.say("* CAPABILITY IMAP4rev1")
        elif command.startswith("LOGIN"):
            result = "OK in" if command == f'LOGIN bounces@example.net "{inbox.password}"' else "NO wrong"
        elif command.startswith("SELECT"):
            result = "OK open" if "Bounces" in command else "NO no such folder"
            self.say(f"* {len(inbox.mails)} EXISTS")
        elif command == "UID SEARCH UNSEEN":
            self.say("* SEARCH " + " ".join(str(uid) for uid in inbox.mails if uid not in inbox.seen))
        elif found := re.match(r"UID FETCH (\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", command):
            if inbox.fetched == inbox.cut_after:
                return False
            inbox.fetched += 1
            data = inbox.mails[int(found[1])][: int(found[2])]
            self.wfile.write(f"* 1 FETCH (UID {found[1]} BODY[]<0> {{{len(data)}}}\r\n".encode() + data + b")\r\n")
        elif found := re.match(r"UID STORE (\d+) \+FLAGS\.SILENT \(\\Seen\)", command):
            inbox.seen.add(int(found[1]))
        elif command == "LOGOUT":
            self.say("* BYE")
        else:
            result = f"BAD {command}"
        self.say(f"{tag} {result}")
        return command != "LOGOUT"


@contextmanager
def imap_server(mails: list[bytes], **behaviour: object) -> Iterator[Inbox]:
    inbox = Inbox(dict(enumerate(mails, 1)), **behaviour)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Line) as server:
        server.daemon_threads, server.inbox, inbox.port = True, inbox, server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield inbox
        server.shutdown()
