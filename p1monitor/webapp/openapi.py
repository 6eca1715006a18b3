"""What the HTTP API can be asked, as OpenAPI 3.1, made of one table of paths. Never answers a question itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from p1monitor import __version__
from p1monitor.p1.event_codes import PHASES
from p1monitor.recorder.event_book import KINDS
from p1monitor.recorder.queries import PROFILES
from p1monitor.webapp import periods
from p1monitor.webapp.arguments import MOST_NAMES, MOST_POINTS

Schema = Mapping[str, Any]
_JSON, _CSV, _STREAM, _PLAIN = "application/json", "text/csv", "text/event-stream", "text/plain"

_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_NUMBER: Schema = {"type": "number"}
_NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
_WHOLE_OR_NULL: Schema = {"type": ["integer", "null"]}
_FLAG: Schema = {"type": "boolean"}
_ANY: Schema = {}
_CELL: Schema = {"type": ["number", "string", "null"]}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def _map(of: Schema) -> Schema:
    return {"type": "object", "additionalProperties": of}


def _object(**properties: Schema) -> Schema:
    """All of these are always there."""
    return {"type": "object", "properties": properties, "required": list(properties)}


_DEVICE = {"role": _TEXT, "medium": _TEXT, "channel": {"type": "integer"}, "equipment_id": _TEXT}
_LIVE = _object(
    meter=_TEXT,
    at=_TEXT_OR_NULL,
    received=_TEXT_OR_NULL,
    age_s=_NUMBER_OR_NULL,
    values=_map(_ANY),
    times=_map(_TEXT),
    held=_list(_TEXT),
    standing=_list(_TEXT),
    devices=_list(_object(**_DEVICE, at=_TEXT_OR_NULL, values=_map(_ANY), held=_list(_TEXT))),
)
_EVENT = _object(
    at=_TEXT_OR_NULL,
    received=_NUMBER_OR_NULL,
    kind={"enum": list(KINDS)},
    code=_WHOLE_OR_NULL,
    words=_TEXT,
    phase=_TEXT_OR_NULL,
    channel=_WHOLE_OR_NULL,
    since=_TEXT_OR_NULL,
    seconds=_NUMBER_OR_NULL,
    value=_NUMBER_OR_NULL,
    unit=_TEXT,
)
_SPAN = {"start": _NUMBER, "end": _NUMBER}
_USED = _map(_map(_NUMBER_OR_NULL))  # by role and register
_POWER = _map(_ANY)
_DAY = {**_SPAN, "used": _USED}
_SERIES: Schema = {
    **_object(start=_list(_NUMBER), end=_list(_NUMBER)),
    "additionalProperties": _object(min=_list(_NUMBER_OR_NULL), mean=_list(_NUMBER_OR_NULL), max=_list(_NUMBER_OR_NULL)),
}
_ERROR = _object(error=_object(key=_TEXT, text=_TEXT))


class Parameter(NamedTuple):
    """One argument of a question."""

    words: str
    schema: Schema
    where: str = "query"


_MOMENT: Schema = {"type": "number", "minimum": 0, "exclusiveMaximum": 1e11}
_PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        "meter": Parameter("name of the meter; the first of the configuration if absent", _TEXT),
        "from": Parameter("UTC seconds since 1970", _MOMENT),
        "to": Parameter("UTC seconds since 1970", _MOMENT),
        "names": Parameter(f"1 to {MOST_NAMES} names of numbers, with commas between them; gas_2/gas_m3: of that role", _TEXT),
        "points": Parameter("at most about so many rows", {"type": "integer", "minimum": 1, "maximum": MOST_POINTS}),
        "date": Parameter("a date in it, as 2026-11-20, 2026-11 or 2026; today if absent", _TEXT),
        "append_crc": Parameter("1: add a checksum where the meter sends none", {"enum": ["0", "1", "true", "false"]}),
        "period": Parameter("which", {"enum": list(periods.KINDS)}, "path"),
        "limit": Parameter("at most so many", {"type": "integer", "minimum": 1, "maximum": 1000}),
        "kind": Parameter(f"with commas between them: {', '.join(KINDS)}", _TEXT),
        "phase": Parameter("of this phase only", {"enum": list(PHASES)}),
        "name": Parameter("which profile", {"enum": list(PROFILES)}, "path"),
    }
)


class Route(NamedTuple):
    """One path: what it answers, and to which arguments."""

    words: str
    answer: Schema
    parameters: tuple[str, ...] = ("meter",)
    types: tuple[str, ...] = (_JSON,)
    others: tuple[int, ...] = ()  #: statuses with the same kind of answer
    bare: tuple[int, ...] = ()  #: … and without any


_BETWEEN = ("meter", "from", "to")
_COLUMNS = (*_BETWEEN, "names", "points")
_EVENTS = (*_BETWEEN, "kind", "phase", "limit")
#: Every path but the page's own.
ROUTES: Mapping[str, Route] = MappingProxyType(
    {
        "/api/v1/live": Route("the newest reading", _LIVE, bare=(304,)),
        "/api/v1/live/stream": Route("the newest reading, and then each next one", _TEXT, types=(_STREAM,)),
        "/api/v1/recent": Route("net power of the last ten minutes", _object(age_s=_list(_NUMBER), power_w=_list(_NUMBER_OR_NULL))),
        "/api/v1/today": Route(
            "what was used today, and yesterday until this time of day",
            _object(at=_NUMBER, today=_object(**_DAY), yesterday=_object(**_DAY, until=_NUMBER)),
        ),
        "/api/v1/used": Route(
            "how far each register went between two moments, and the powers", _object(**_SPAN, used=_USED, power=_POWER), _BETWEEN
        ),
        "/api/v1/periods/{period}": Route(
            "a day, week, month or year cut into bars",
            _object(
                period=_TEXT,
                date=_TEXT,
                previous=_TEXT,
                next=_TEXT,
                at=_NUMBER,
                first=_TEXT_OR_NULL,
                edges=_list(_NUMBER),
                local=_list(_TEXT),
                steps=_map(_map(_list(_NUMBER_OR_NULL))),
                used=_USED,
                power=_POWER,
            ),
            ("period", "meter", "date"),
        ),
        "/api/v1/series": Route("columns between two moments", _SERIES, _COLUMNS, (_JSON, _CSV), bare=(304,)),
        "/api/v1/series.csv": Route("the same as a file", _TEXT, _COLUMNS, (_CSV,), bare=(304,)),
        "/api/v1/profiles/{name}": Route(
            "rows of a profile; the end of a row is its stamp",
            _object(columns=_list(_TEXT), rows=_list(_list(_CELL))),
            ("name", *_BETWEEN),
            (_JSON, _CSV),
            bare=(304,),
        ),
        "/api/v1/profiles/{name}.csv": Route("the same as a file", _TEXT, ("name", *_BETWEEN), (_CSV,), bare=(304,)),
        "/api/v1/events": Route("what happened, newest first", _object(events=_list(_EVENT)), _EVENTS, (_JSON, _CSV), bare=(304,)),
        "/api/v1/events.csv": Route("the same as a file", _TEXT, _EVENTS, (_CSV,), bare=(304,)),
        "/api/v1/meters": Route(
            "the meters, and what each says it is",
            _object(
                meters=_list(
                    _object(name=_TEXT, equipment_id=_TEXT_OR_NULL, identification=_TEXT_OR_NULL, devices=_list(_object(**_DEVICE)))
                )
            ),
            (),
        ),
        "/api/v1/status": Route(
            "health and counters",
            _object(version=_TEXT, started=_NUMBER, uptime_s=_NUMBER, meters=_map(_map(_ANY)), sinks=_map(_map(_ANY))),
        ),
        "/api/v1/catalogue": Route(
            "title, unit, kind and OBIS code of every name", _map(_object(title=_TEXT, unit=_TEXT, kind=_TEXT, obis=_TEXT))
        ),
        "/api/v1/telegram": Route("the newest telegram, byte for byte", _TEXT, ("meter", "append_crc"), (_PLAIN,)),
        "/metrics": Route("all meters and p1monitor's own health, for Prometheus", _TEXT, (), (_PLAIN,)),
        "/api/v1/openapi.json": Route("this description", _object(openapi=_TEXT, info=_map(_ANY), paths=_map(_ANY)), ()),
        "/healthz": Route(
            "whether telegrams come from every meter",
            _object(flows=_FLAG, meters=_map(_object(age_s=_NUMBER_OR_NULL, flows=_FLAG))),
            (),
            others=(503,),
        ),
    }
)
#: Refusals that any path may give.
_REFUSALS: Mapping[int, str] = MappingProxyType(
    {
        400: "a question that makes no sense",
        401: "the password is missing or wrong",
        404: "there is no such meter, profile or history",
        421: "a name that this host does not answer to",
        429: "too many wrong passwords",
        503: "the history cannot be read at the moment, or all streams are taken",
    }
)


@cache
def document() -> Mapping[str, Any]:
    """The whole description."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "p1monitor", "version": __version__, "description": "What a smart meter says, live and kept."},
        "servers": [{"url": "/"}],
        "paths": {path: {"get": _operation(path, route)} for path, route in ROUTES.items()},
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {"password": {"type": "http", "scheme": "basic", "description": "any user name"}},
        },
        "security": [{}, {"password": []}],
    }


def _operation(path: str, route: Route) -> Schema:
    content = {one: {"schema": route.answer if one == _JSON else _TEXT} for one in route.types}
    refused = {_JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        "operationId": path.strip("/").replace("/", "_").replace(".", "_").replace("{", "").replace("}", ""),
        "summary": route.words,
        "parameters": [_parameter(name) for name in route.parameters],
        "responses": {
            **{str(status): {"description": words, "content": refused} for status, words in _REFUSALS.items()},
            **{str(status): {"description": route.words, "content": content} for status in (200, *route.others)},
            **{str(status): {"description": "nothing new"} for status in route.bare},
        },
    }


def _parameter(name: str) -> Schema:
    found = _PARAMETERS[name]
    return {
        "name": name,
        "in": found.where,
        "description": found.words,
        "required": found.where == "path",
        "schema": found.schema,
    }
