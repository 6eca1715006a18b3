"""Encrypted telegrams (Luxembourg, Austria): sealed frames in, proven frames out. Never raises on bytes, never shows a key.

A frame (Luxmetering P1 §3.2.5, DLMS general-glo-ciphering): DB 08, the meter's title (8), the length of the rest (BER),
security byte 30, a counter (4), the ciphertext and a tag of 12 bytes. AES-128-GCM: the nonce is title and counter; the
security byte and the authentication key are authenticated too. The tag proves the telegram, not the checksum inside it.

- DB 08 occurs in ciphertext as well: whatever looks like a frame's head is tried as soon as its last byte is there, eight at a
  time at most, and a tag that fits ends the others. So neither a frame cut short nor a damaged length takes the next one along.
- What gives no telegram is refused: "short" (the next frame, or the end, comes before its last byte), "key" (the key makes no
  text of it), "tag" (text, but not proven), "sync" (bytes outside frames), "plain" (telegrams that are not encrypted).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from p1monitor.p1.framer import Framer
from p1monitor.p1.frames import Frame, Rejected
from p1monitor.p1.gcm import FIXED, SECURITY, TAG, Keys, decryptor
from p1monitor.p1.grammar import ANY_LINE
from p1monitor.p1.looks import SAMPLE, look
from p1monitor.p1.noise import Noise

#: The longest sealed frame: real ones have 500 to 1 500 bytes. It is also all that is ever held.
SEALED_MAX = 8 * 1024
#: The shortest ciphertext that can be a telegram with one data object; what claims less is no head.
TEXT_LEAST = 32
#: Heads tried at once. A real stream has one, in its ciphertext a second one every 16 MB: more are made by somebody.
CANDIDATES = 8

_TITLE = 8
_HEAD_MOST = 2 + _TITLE + 3 + 1


def framer_for(crc: str, keys: Keys | None) -> Framer | Opener:
    """The way in: of plain telegrams, or of encrypted ones where there is a key."""
    return Framer(crc) if keys is None else Opener(keys)


@dataclass(slots=True, eq=False)
class _Head:
    """What looks like the beginning of a frame, by places in the stream."""

    at: int
    text: int  #: where the ciphertext begins
    end: int
    failed: str = ""


class Opener:
    """A framer of encrypted frames: one per source, for as long as the daemon runs. It remembers that its key has fitted."""

    def __init__(self, keys: Keys) -> None:
        self._decrypt = decryptor(keys)
        self._proven = False
        self._forget(0)

    def _forget(self, base: int) -> None:
        self._buffer = bytearray()
        self._base = base  # stream offset of the buffer's first byte
        self._scanned = base  # no head begins before this place of the stream that is not among …
        self._heads: list[_Head] = []
        self._noise = Noise(_look)

    @property
    def held(self) -> int:
        """Bytes held at the moment: at most SEALED_MAX."""
        return len(self._buffer)

    @property
    def noise(self) -> Rejected | None:
        """The bytes outside frames since the last event, as far as there are any."""
        return self._noise.rejected

    def feed(self, data: bytes) -> Iterator[Frame | Rejected]:
        """Take the next bytes; the events they complete come back, in order. All bytes are taken before this returns."""
        events: list[Frame | Rejected] = []
        rest = memoryview(data)
        while rest:
            room = SEALED_MAX - len(self._buffer)
            self._buffer += rest[:room]
            rest = rest[room:]
            self._advance(events)
        return iter(events)

    def end(self) -> Iterator[Frame | Rejected]:
        """Say that the stream is over: what is left is told."""
        events: list[Frame | Rejected] = []
        while self._heads:
            head = self._heads.pop(0)
            self._waste(head.at - self._base)
            following = self._heads[0].at if self._heads else self._base + len(self._buffer)
            self._refuse(events, head.failed or "short", following - head.at)
        self._waste(len(self._buffer))
        self._noise.flush(events)
        self._scanned = self._base
        return iter(events)

    def reset(self) -> None:
        """Forget the unfinished frame: the line was cut here."""
        self._forget(self._base + len(self._buffer))

    # One step each, in the order of the stream, so that chunks change nothing.

    def _advance(self, events: list[Frame | Rejected]) -> None:
        while True:
            due = min((head for head in self._heads if not head.failed), key=lambda head: head.end, default=None)
            there = self._base + len(self._buffer)
            if self._scan(min(due.end, there) if due else there):
                continue
            if due is None or due.end > there:
                break
            self._try(events, due)
        if not self._heads:
            self._waste(self._scanned - self._base)

    def _scan(self, limit: int) -> bool:
        """Find the next head that is complete before `limit`. False: there is none."""
        buffer, base = self._buffer, self._base
        while (place := buffer.find(b"\xdb", self._scanned - base, limit - base)) >= 0:
            self._scanned = base + place
            head = _head(buffer, place, limit - base)
            if head is None:
                return False
            self._scanned += 1
            if head and len(self._heads) < CANDIDATES:
                text, end = head
                self._heads.append(_Head(base + place, base + text, base + end))
                return True
        self._scanned = max(self._scanned, limit)
        return False

    def _try(self, events: list[Frame | Rejected], head: _Head) -> None:
        at, text, end = head.at - self._base, head.text - self._base, head.end - self._base
        data = bytes(memoryview(self._buffer)[at:end])
        nonce = data[2 : 2 + _TITLE] + data[text - at - 4 : text - at]
        ciphertext, tag = data[text - at : -TAG], data[-TAG:]
        plain = self._decrypt(nonce, ciphertext, tag)
        if plain is not None:
            self._accept(events, head, plain)
            return
        head.failed = "tag" if self._proven or _is_text(self._decrypt(nonce, ciphertext, None)) else "key"
        while self._heads and self._heads[0].failed:
            self._give_up(events, self._heads.pop(0))

    def _accept(self, events: list[Frame | Rejected], head: _Head, plain: bytes) -> None:
        """The tag fits: what stands before the frame was cut by it, what seemed to begin inside it never was a head."""
        self._proven = True
        before = [other for other in self._heads if other.at < head.at]
        for other, following in pairwise((*before, head)):
            self._waste(other.at - self._base)
            self._refuse(events, other.failed or "short", following.at - other.at)
        self._waste(head.at - self._base)
        inner = Framer("off")
        found = [event for event in (*inner.feed(plain), *inner.end()) if isinstance(event, Frame)]
        if found:
            self._noise.flush(events)
            events += [Frame(frame.data, "gcm", head.at) for frame in found]
            self._drop(head.end - self._base)
        else:
            self._refuse(events, "empty", head.end - head.at)
        self._heads = [other for other in self._heads if other.at >= head.end]
        self._scanned = max(self._scanned, self._base)

    def _give_up(self, events: list[Frame | Rejected], head: _Head) -> None:
        """The oldest head gave nothing: drop it up to the next one, or up to what may still begin one."""
        following = self._heads[0].at if self._heads else min(head.end, self._scanned)
        self._waste(head.at - self._base)
        another = self._buffer[following - self._base : head.end - self._base].startswith(b"\xdb\x08")
        self._refuse(events, "short" if another else head.failed, following - head.at)

    def _refuse(self, events: list[Frame | Rejected], reason: str, length: int) -> None:
        self._noise.flush(events)
        events.append(Rejected(reason, self._base, length, bytes(self._buffer[: min(length, SAMPLE)])))
        self._drop(length)

    def _waste(self, length: int) -> None:
        """Count the buffer's first bytes as outside of frames."""
        if length <= 0:
            return
        self._noise.add(self._buffer, length, self._base)
        self._drop(length)

    def _drop(self, length: int) -> None:
        del self._buffer[:length]
        self._base += length


def _head(buffer: bytearray, at: int, limit: int) -> tuple[int, int] | tuple[()] | None:
    """Where ciphertext and frame end whose DB stands at `at`; () if it is none; None if bytes beyond `limit` must tell."""
    start = bytes(buffer[at : min(at + _HEAD_MOST, limit)])
    if start[1:2] not in (b"", b"\x08"):
        return ()
    place = 2 + _TITLE
    if len(start) <= place:
        return None
    size, more = start[place], {0x81: 1, 0x82: 2}.get(start[place], 0)
    if size > 0x7F and not more:
        return ()
    security = place + 1 + more
    if len(start) <= security:
        return None
    length = int.from_bytes(start[place + 1 : security]) if more else size
    total = security + length
    if start[security] != SECURITY or length < FIXED + TEXT_LEAST or total > SEALED_MAX:
        return ()
    return at + security + 5, at + total


def _look(sample: bytes) -> str:
    """Name bytes outside of frames. "encrypted" would be news to nobody here: it was cut."""
    if ANY_LINE.search(sample):
        return "plain"
    found = look(sample)
    return "sync" if found in (None, "encrypted") else found


def _is_text(plain: bytes | None) -> bool:
    """Whether the key fits, though the tag does not: a telegram begins with `/`, or most of it is plain text."""
    if not plain:
        return False
    strange = len(plain.translate(None, bytes(range(0x20, 0x7F)) + b"\r\n"))
    return strange * 4 < len(plain)  # of random bytes six in ten are strange
