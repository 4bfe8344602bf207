"""Settings, each one environment variable with a default: options and arguments go before them."""

from __future__ import annotations

import ipaddress
import os
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin

import msgspec

from stook.core.errors import ConfigError
from stook.core.log import LEVELS, Level, LogLimits
from stook.core.shown_url import shown_url
from stook.core.webhook_schedule import SCHEDULE, check_schedule

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MetricsAccess", "Settings", "log_limits", "read_settings", "uids_of"]

LogFormat = Literal["console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]
MetricsAccess = Literal["key", "open", "off"]


class Settings(msgspec.Struct, kw_only=True, frozen=True):
    """The variable of a field is its name in capitals behind `STOOK_`."""

    url: str = "sqlite:///stook.db"
    """`STOOK_URL`: the store, `sqlite:///FILE` or `postgresql://…`; of programs that only submit, also a server."""
    project: str = "default"
    """`STOOK_PROJECT`: the project that batches belong to."""
    synchronous: Literal["off", "normal", "full", "extra"] = "full"
    """`STOOK_SYNCHRONOUS`: SQLite's pragma. `full` survives a power cut, `normal` a crash of the process only."""
    inline_bytes: int = 64 * 1024
    """`STOOK_INLINE_BYTES`: payloads and results above this lie in the blob store."""
    max_payload_bytes: int = 4 * 2**20
    """`STOOK_MAX_PAYLOAD_BYTES`: payloads and results above this are refused."""
    lease_seconds: float = 60.0
    """`STOOK_LEASE_SECONDS`: how long a worker may be silent before others take its items."""
    metrics: MetricsAccess = "key"
    """`STOOK_METRICS`: who may read a server's `/metrics`. `key`: keys of the project default with the scope read."""
    log_format: LogFormat = "console"
    """`STOOK_LOG_FORMAT`: what servers and workers say, as lines for people or as JSON."""
    log_level: LogLevel = "warning"
    """`STOOK_LOG_LEVEL`: what servers and workers say, from this level on."""

    encryption_key: str = ""
    """`STOOK_ENCRYPTION_KEY`: what secrets of webhooks are stored under; several with commas, the first one seals."""
    webhook_allow_private: bool = False
    """`STOOK_WEBHOOK_ALLOW_PRIVATE`: webhooks may call loopback and private addresses."""
    webhook_allowed_cidrs: tuple[str, ...] = ()
    """`STOOK_WEBHOOK_ALLOWED_CIDRS`: networks that webhooks may call, whatever they are."""
    webhook_ports: tuple[int, ...] = ()
    """`STOOK_WEBHOOK_PORTS`: the ports that webhooks may call; none: all."""
    webhook_schedule: tuple[float, ...] = SCHEDULE
    """`STOOK_WEBHOOK_SCHEDULE`: seconds to wait before each attempt to deliver."""
    webhook_retention_days: int = 30
    """`STOOK_WEBHOOK_RETENTION_DAYS`: how long events for webhooks and what became of them are kept."""
    event_retention_days: int = 7
    """`STOOK_EVENT_RETENTION_DAYS`: how long emitted events are kept for executions that come to wait for them."""
    log_lines: int = 1000
    """`STOOK_LOG_LINES`: lines that are kept of what one attempt says, half of them the first, half the last; 0:
    nothing is captured."""
    log_bytes: int = 256 * 1024
    """`STOOK_LOG_BYTES`: bytes of these lines."""
    log_line_bytes: int = 8 * 1024
    """`STOOK_LOG_LINE_BYTES`: a longer message is cut, with a mark."""
    log_captured_level: Level = "info"
    """`STOOK_LOG_CAPTURED_LEVEL`: the least that is kept of what `ctx.logger` is told."""

    root_dialect: Literal["none", "kernel", "vellum"] = "none"
    """`STOOK_ROOT_DIALECT`: the dialect that servers speak at their root too, for base URLs without a path."""
    upload_bytes: int = 256 * 2**20
    """`STOOK_UPLOAD_BYTES`: of the archive of a deployment."""
    github_sources: bool = True
    """`STOOK_GITHUB_SOURCES`: deployments may name a repository, which the server fetches."""
    github_url: str = "https://api.github.com"
    """`STOOK_GITHUB_URL`: the API that repositories are fetched from, another one's for GitHub Enterprise."""
    kernel_payload_bytes: int = 65_536
    """`STOOK_KERNEL_PAYLOAD_BYTES`: of the payload of an invocation in the Kernel dialect."""
    kernel_sync_seconds: float = 100.0
    """`STOOK_KERNEL_SYNC_SECONDS`: how long an invocation may take whose caller waits for it."""
    kernel_batch_items: int = 1_000_000
    """`STOOK_KERNEL_BATCH_ITEMS`: payloads of one batch job."""
    kernel_batch_bytes: int = 512 * 2**20
    """`STOOK_KERNEL_BATCH_BYTES`: of the body that brings them."""
    kernel_unqueued: tuple[str, ...] = ()
    """`STOOK_KERNEL_UNQUEUED`: projects whose invocations are refused (429) while as many run as may, not queued."""
    vellum_push_seconds: float = 600.0
    """`STOOK_VELLUM_PUSH_SECONDS`: how long `vellum workflows push` waits for a host that builds what it sent."""

    hosting: Literal["auto", "on", "off"] = "auto"
    """`STOOK_HOSTING`: whether deployments are built and served here; `auto`: by `stook up` and `stook worker`."""
    hosting_folder: str = ""
    """`STOOK_HOSTING_FOLDER`: where hosts keep code and environments; empty: in the user's cache folder."""
    hosting_url: str = ""
    """`STOOK_HOSTING_URL`: the server as hosted code reaches it; empty: the one that serves in the same process, else
    `http://127.0.0.1:8484`."""
    hosting_replicas: int = 8
    """`STOOK_HOSTING_REPLICAS`: processes of one deployment on a host at most; none where there is no work."""
    hosting_total: int = 32
    """`STOOK_HOSTING_TOTAL`: processes of all deployments together on a host at most; for what is over executions wait
    in the queue."""
    hosting_idle_seconds: float = 60.0
    """`STOOK_HOSTING_IDLE_SECONDS`: how long a process waits for more work before it is ended."""
    hosting_runs: int = 100_000
    """`STOOK_HOSTING_RUNS`: runs after which a process is replaced."""
    hosting_memory_mb: int = 1024
    """`STOOK_HOSTING_MEMORY_MB`: mebibytes of memory that a process may have, with all that it starts."""
    hosting_processes: int = 512
    """`STOOK_HOSTING_PROCESSES`: processes and threads that it may have."""
    hosting_kill_seconds: float = 5.0
    """`STOOK_HOSTING_KILL_SECONDS`: between SIGTERM and SIGKILL for code that is cancelled or out of time."""
    hosting_load_seconds: float = 60.0
    """`STOOK_HOSTING_LOAD_SECONDS`: how long a process may take to load its code."""
    hosting_build_seconds: float = 600.0
    """`STOOK_HOSTING_BUILD_SECONDS`: how long an installer may take."""
    hosting_wheels: str = ""
    """`STOOK_HOSTING_WHEELS`: a folder of wheels that Python packages are looked for in, beside the index."""
    hosting_no_index: bool = False
    """`STOOK_HOSTING_NO_INDEX`: Python packages come from that folder alone."""
    hosting_uids: str = ""
    """`STOOK_HOSTING_UIDS`: numbers of users, like `20000-29999`, each for one deployment at a time; for hosts that run
    as root. Empty: hosted code runs as the host's own user."""
    kernel_result_bytes: int = 4_500_000
    """`STOOK_KERNEL_RESULT_BYTES`: of what hosted code returns; more is a failure."""

    def __repr__(self) -> str:
        """Without keys and passwords."""
        values = msgspec.structs.asdict(self) | {"url": shown_url(self.url)}
        if self.encryption_key:
            values["encryption_key"] = "***"
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in values.items())})"


_PREFIX: Final = "STOOK_"
_MOST_BYTES: Final = 2**30
_LEAST_LEASE: Final = 0.1
_MOST_LEASE: Final = 86_400.0
_MOST_NAME: Final = 512
_MOST_LINES: Final = 100_000
_MOST_LOG_BYTES: Final = 16 * 2**20
_MOST_LINE_BYTES: Final = 2**20
_MOST_PORT: Final = 65_535
_MOST_DAYS: Final = 3650
_MOST_REPLICAS: Final = 1000
_MOST_UID: Final = 2**31
_MOST_UPLOAD: Final = 4 * 2**30
_MOST_SYNC: Final = 3600
_MOST_ITEMS: Final = 10_000_000
_KINDS: Final = {
    int: "a whole number",
    float: "a number of seconds",
    str: "text",
    bool: "true or false",
    tuple[str, ...]: "a list with commas",
    tuple[int, ...]: "a list of whole numbers with commas",
    tuple[float, ...]: "a list of seconds with commas",
}


def read_settings(environ: Mapping[str, str] = os.environ, **given: Any) -> Settings:
    """`given` values that are not None win over the environment, where an empty variable is one that is not set.
    `ConfigError` names the variable, or the option, that is wrong."""
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for field in msgspec.structs.fields(Settings):
        variable = _PREFIX + field.name.upper()
        if given.get(field.name) is not None:
            values[field.name], sources[field.name] = given[field.name], field.name
        elif environ.get(variable):
            values[field.name], sources[field.name] = environ[variable], variable
    for field in msgspec.structs.fields(Settings):
        if field.name in values:
            values[field.name] = _converted(sources[field.name], values[field.name], field.type)
    made = Settings(**values)
    _check(made, sources)
    return made


def log_limits(settings: Settings) -> LogLimits:
    return LogLimits(
        settings.log_lines, settings.log_bytes, settings.log_line_bytes, LEVELS[settings.log_captured_level]
    )


def _converted(source: str, value: Any, kind: Any) -> Any:
    listed = isinstance(value, str) and get_origin(kind) is tuple
    read = [part.strip() for part in value.split(",") if part.strip()] if listed else value
    try:
        return msgspec.convert(read, kind, strict=not isinstance(value, str))
    except msgspec.ValidationError:
        allowed = " or ".join(map(repr, get_args(kind))) if get_origin(kind) is Literal else _KINDS[kind]
        raise _wrong(source, value, f"is not {allowed}") from None


def _check(made: Settings, sources: Mapping[str, str]) -> None:
    for name in ("inline_bytes", "max_payload_bytes"):
        value = getattr(made, name)
        if not 1 <= value <= _MOST_BYTES:
            raise _wrong(sources[name], value, f"is not between 1 and {_MOST_BYTES}")
    if not _LEAST_LEASE <= made.lease_seconds <= _MOST_LEASE:
        raise _wrong(
            sources["lease_seconds"], made.lease_seconds, f"is not between {_LEAST_LEASE} and {_MOST_LEASE:g} seconds"
        )
    for name, least, most in (
        ("log_lines", 0, _MOST_LINES),
        ("log_bytes", 1024, _MOST_LOG_BYTES),
        ("log_line_bytes", 64, _MOST_LINE_BYTES),
        ("webhook_retention_days", 1, _MOST_DAYS),
        ("event_retention_days", 1, _MOST_DAYS),
        ("upload_bytes", 1024, _MOST_UPLOAD),
        ("kernel_payload_bytes", 1, _MOST_BYTES),
        ("kernel_sync_seconds", 1, _MOST_SYNC),
        ("vellum_push_seconds", 1, _MOST_SYNC),
        ("kernel_batch_items", 1, _MOST_ITEMS),
        ("kernel_batch_bytes", 1024, _MOST_UPLOAD),
        ("kernel_result_bytes", 1, _MOST_BYTES),
        ("hosting_replicas", 1, _MOST_REPLICAS),
        ("hosting_total", 1, _MOST_REPLICAS),
        ("hosting_idle_seconds", 0, _MOST_LEASE),
        ("hosting_runs", 1, _MOST_ITEMS),
        ("hosting_memory_mb", 32, _MOST_BYTES),
        ("hosting_processes", 8, _MOST_PORT),
        ("hosting_kill_seconds", 0, 60),
        ("hosting_load_seconds", 1, _MOST_SYNC),
        ("hosting_build_seconds", 1, _MOST_LEASE),
    ):
        if not least <= getattr(made, name) <= most:
            raise _wrong(sources[name], getattr(made, name), f"is not between {least} and {most}")
    if "\0" in made.project or not 1 <= len(made.project.encode(errors="replace")) <= _MOST_NAME:
        raise _wrong(sources["project"], made.project, f"is no name of 1 to {_MOST_NAME} bytes")
    if not made.github_url.lower().startswith(("https://", "http://")):
        raise _wrong(sources["github_url"], made.github_url, "is no http(s) URL")
    uids_of(made, sources.get("hosting_uids", "hosting_uids"))
    _check_webhooks(made, sources)


def uids_of(settings: Settings, source: str = "STOOK_HOSTING_UIDS") -> range:
    """The users that hosted code runs as; empty: as the host's."""
    if not settings.hosting_uids:
        return range(0)
    first, dash, last = settings.hosting_uids.partition("-")
    try:
        found = range(int(first), int(last if dash else first) + 1)
    except ValueError:
        found = range(0)
    if not found or not 0 < found[0] <= found[-1] < _MOST_UID:
        raise _wrong(source, settings.hosting_uids, "is no range of users like 20000-29999")
    return found


def _check_webhooks(made: Settings, sources: Mapping[str, str]) -> None:
    for one in made.webhook_allowed_cidrs:
        try:
            ipaddress.ip_network(one)
        except ValueError as error:
            raise _wrong(sources["webhook_allowed_cidrs"], one, f"is no network like 10.0.0.0/8: {error}") from None
    for port in made.webhook_ports:
        if not 1 <= port <= _MOST_PORT:
            raise _wrong(sources["webhook_ports"], port, f"is not between 1 and {_MOST_PORT}")
    try:
        check_schedule(made.webhook_schedule)
    except ConfigError as error:
        text = ",".join(map(str, made.webhook_schedule))
        raise _wrong(sources["webhook_schedule"], text, f"is none: {error.message}") from None


def _wrong(source: str, value: object, what: str) -> ConfigError:
    hint = "change or unset the variable" if source.startswith(_PREFIX) else None
    secret = source.removeprefix(_PREFIX).lower() in ("encryption_key", "url")
    return ConfigError(f"{source}={'***' if secret else repr(value)} {what}", hint=hint)
