"""The grammar of a telegram as regular expressions, each under its paragraph. Never touches a buffer, never decodes."""

from __future__ import annotations

import re

#: `A-B:C.D.E*F` (IEC 62056-61; DSMR 5.0.2 P1 §6.2). A-B and F may be missing (IEC 62056-21 readouts), C may be a letter
#: (C.1.0, F.F), E may be missing; colons may stand where dots belong (the examples printed in DSMR 4.0 P1).
CODE = rb"(?:\d{1,3}-\d{1,3}:)?[0-9CFLP]{1,3}[.:][0-9F]{1,3}(?:[.:]\d{1,3})?(?:\*\d{1,3})?"

JUST_CODE = re.compile(CODE)

#: A data line: the code and one value group or more (IEC 62056-21 §6.3.13). Blanks at its end are forgiven.
LINE = re.compile(rb"(" + CODE + rb")((?:\([^()\r\n]*\))+)[ \x00]*")

#: A text that itself has parentheses, written plainly instead of in hex: one group, kept whole.
LINE_NESTED = re.compile(rb"(" + CODE + rb")\(([^\r\n]*)\)[ \x00]*")

LINE_ENDS = re.compile(rb"[\r\n]+")

#: What tells a new data object from the continuation of the one before.
BEGINS_OBJECT = re.compile(CODE + rb"\(")

#: A data line somewhere in a run of bytes: what tells a damaged telegram from mere noise.
ANY_LINE = re.compile(rb"[\r\n]" + CODE + rb"\([^()\r\n]*\)")

#: A header that stands in the middle of a line because what came before it was cut: three letters of the maker, no
#: parenthesis, and the end of the line (DSMR 5.0.2 P1 §6.2). At the beginning of a line anything after `/` will do: real
#: headers have spaces, a second slash, no baud character (Kamstrup /KAM5, Holley /HLY5/…, WarmteLink /NWA-…).
HEADER_IN_LINE = re.compile(rb"/[A-Za-z]{3}[^\r\n()/!]{0,64}\r?\n")

#: The end of a frame: `!` and up to four hex digits of either case, zeros in front perhaps dropped (WarmteLink), perhaps
#: followed by a NUL (gateways). What follows decides: see framer.
FOOTER = re.compile(rb"!([0-9A-Fa-f]{0,4})[\x00 ]{0,4}")
#: … as nearly all have it: seven bytes.
USUAL_FOOTER = re.compile(rb"![0-9A-Fa-f]{4}\r\n")

#: The code in parts, for its normal form.
NORMAL = re.compile(r"(\d+-\d+:)?(\w+)[.:](\w+)(?:[.:](\d+))?(\*\d+)?")
