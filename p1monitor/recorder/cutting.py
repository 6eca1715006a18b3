"""Frames cut into what stays and what changes: columns of texts under a skeleton. Pure; puts nothing together again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from p1monitor.p1.crc import ALGORITHMS
from p1monitor.recorder.shapes import ENDS, NUMBER, TEXT, TIME, Token, are_times, tokens


class Cut(NamedTuple):
    """What stands in one place of many telegrams."""

    texts: Sequence[bytes]  #: one for each row, or one for all
    distinct: Collection[bytes]


class Group(NamedTuple):
    """Telegrams that differ in nothing but what was cut out."""

    end: bytes  #: the first line of their shape
    lines: tuple[bytes, ...]  #: their skeleton
    rows: Sequence[int]  #: which of the frames they are
    cuts: list[Cut]


def cut(frames: Sequence[bytes]) -> list[Group]:
    """Cut frames. What is in the same places of all of them is found at once; where that fails, line by line."""
    ends = [_end(frame) for frame in frames]
    bodies = [frame[:-7] if end else frame for frame, end in zip(frames, ends, strict=True)]
    if len(set(ends)) == 1 and len(set(map(len, bodies))) == 1:
        group = _alike(bodies, ends[0])
        if group is not None:
            return [group]
    return list(_each(bodies, ends))


def uncut(frames: Sequence[bytes]) -> Group:
    """Frames as they are: each is one text."""
    return Group(_first(b"", ""), (TEXT,), range(len(frames)), [Cut(frames, set(frames))])


def _end(frame: bytes) -> str:
    """The checksum that the frame has in the usual form, so that it can be made again."""
    if frame[-7:-6] == b"!" and frame[-2:] == b"\r\n":
        digits, text = frame[-6:-2], frame[:-6]
        for name, checksum in ALGORITHMS.items():
            if b"%04X" % checksum(text) == digits:
                return name
    return ""


def _first(body: bytes, end: str) -> bytes:
    letter = next((letter for letter, between in ENDS.items() if between in body), next(iter(ENDS)))
    return letter + end.encode()


def _alike(bodies: Sequence[bytes], end: str) -> Group | None:
    """Frames of one length: exclusive-or tells which bytes differ anywhere; None if any does that is no digit of a number."""
    body, first = bodies[0], _first(bodies[0], end)
    between, lines, spans, at = ENDS[first[:1]], list[bytes](), list[Token](), 0
    for line in body.split(between):
        skeleton, found = tokens(line)
        lines.append(skeleton)
        spans += [Token(kind, at + start, at + stop) for kind, start, stop in found]
        at += len(line) + len(between)
    origin, differ = int.from_bytes(body, "little"), 0
    for other in bodies:
        differ |= int.from_bytes(other, "little") ^ origin
    changed = differ.to_bytes(len(body), "little")
    varying = [span for span in spans if any(changed[span.start : span.end])]
    if len(changed) - changed.count(0) != sum(_free(span, body, changed) for span in varying):
        return None
    columns = dict(zip(varying, _columns(varying, bodies), strict=True))
    cuts = [Cut(columns[span], set(columns[span])) if span in columns else _one(body[span.start : span.end]) for span in spans]
    if not all(_holds(span, one) for span, one in zip(spans, cuts, strict=True)):
        return None
    return Group(first, tuple(lines), range(len(bodies)), cuts)


def _one(text: bytes) -> Cut:
    return Cut((text,), (text,))


def _free(span: Token, body: bytes, changed: bytes) -> int:
    """How many of the bytes that differ may do so: not the sign and the point of a number."""
    here = range(span.start, span.end)
    return sum(changed[at] != 0 and (span.kind != NUMBER or body[at] not in b"-.") for at in here)


def _columns(spans: Iterable[Token], bodies: Iterable[bytes]) -> Iterator[tuple[bytes, ...]]:
    """One column after another, equal texts once: an hour's texts all at once, each by itself, would be five megabytes."""
    for span in spans:
        part = slice(span.start, span.end)
        known: dict[bytes, bytes] = {}
        yield tuple([known.setdefault(text, text) for text in [body[part] for body in bodies]])


def _holds(span: Token, one: Cut) -> bool:
    """Whether what was found in the first frame is found in all of them."""
    if len(one.texts) == 1:
        return True
    if span.kind == NUMBER:  # negative ones may be minus zero
        return b"".join(one.distinct).replace(b".", b"").isdigit()
    return span.kind != TIME or are_times(one.distinct)


def _each(bodies: Sequence[bytes], ends: Sequence[str]) -> Iterator[Group]:
    known: dict[bytes, tuple[bytes, tuple[bytes, ...]]] = {}
    found: dict[tuple[bytes, tuple[bytes, ...]], tuple[list[int], list[tuple[bytes, ...]]]] = {}
    for row, (body, end) in enumerate(zip(bodies, ends, strict=True)):
        first = _first(body, end)
        lines, texts = list[bytes](), list[bytes]()
        for line in body.split(ENDS[first[:1]]):
            seen = known.get(line)
            if seen is None:
                skeleton, spans = tokens(line)
                seen = known[line] = skeleton, tuple([line[span.start : span.end] for span in spans])
            lines.append(seen[0])
            texts += seen[1]
        rows, cuts = found.setdefault((first, tuple(lines)), ([], []))
        rows.append(row)
        cuts.append(tuple(texts))
    for (first, skeletons), (rows, cuts) in found.items():
        yield Group(first, skeletons, rows, [_cut(texts) for texts in zip(*cuts, strict=True)])


def _cut(texts: tuple[bytes, ...]) -> Cut:
    distinct = set(texts)
    return Cut(texts[:1] if len(distinct) == 1 else texts, distinct)
