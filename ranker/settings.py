"""Settings of the service, from environment variables `SLOTWARDEN_…`; limits stand here."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

import constraints

SHIPPED_POLICIES: Final = Path(constraints.__file__).parent / "policies"
RETAIN: Final = {
    "retain_days": (183, "for network logs are kept six months (Cybersecurity Law art. 23(3))"),
    "retain_live_days": (1_096, "for live commerce is kept three years (《直播电商监督管理办法》)"),
}
"""Setting → the fewest days the law allows, and why, see law row LOG-01."""
Port = Annotated[int, Field(ge=0, le=65_535)]
Seconds = Annotated[float, Field(gt=0, le=31_536_000)]


class Settings(BaseSettings):
    """What an operator may set.

    Attributes:
        data_dir: folder of the fact store, the decision log and the page-token key.
        policy_dir: folder whose `*.toml` files together are the policy.
        host, port: where gRPC listens; port 0 takes a free one.
        workers: processes that serve on the port; each has a log of its own.
        worker: which of them this process is; the supervisor sets it.
        connection_age_s: a connection is asked to close after so long, and its client connects
            anew, so that load spreads over workers; 0 for never. Running calls finish.
        linger_s: how long a server that was told to stop says NOT_SERVING before it refuses calls.
        tls_cert, tls_key: files of the server's certificate chain and key, PEM, read anew when they
            change; none for plain text.
        tls_client_ca: file of the authority whose certificates clients must show, PEM.
        identities: TOML file of who may call what; see docs/security.md.
        threads: calls decided at the same time; kernels run beside Python, so two use a processor
            well, and more only hold up refusals.
        calls_max: LIMIT of calls running or waiting; more are refused at once.
        connections_max: LIMIT of connections to a worker; one more is closed at once. Fewer are
            taken where the machine allows too few open files (`ulimit -Hn`).
        metrics_port: Prometheus endpoint on the same host; 0 for none.
        reflection: answer gRPC reflection (grpcurl, grpcui).
        channelz: answer gRPC's questions about its own channels, for debugging; on a loopback host
            without identities alone. Needs the extra `debug`.
        otel_endpoint: collector of OpenTelemetry (OTLP over gRPC, such as http://host:4317) that
            traces go to; empty for none. Needs the extra `otel`.
        otel_share: share of calls, 0 to 1, that are traced where their caller does not say.
        durability: what a decision acknowledged survives: the end of the `process`, or that of the
            machine (`disk`: each reply waits for the disk).
        quality: how much improvement a page gets where its deadline leaves time:
            `greedy` for none, `fast`, `default` or `best`.
        certify_share: share of decisions, 0 to 1, for which a bound is proved off their path.
        inline_facts: accept facts sent along with a request, for unregistered candidates.
        request_bytes_max, candidate_count_max: LIMITs of one request.
        age_s_strict: facts older than this count as unknown where a source may have changed them.
        age_s_max: facts older than this are not used at all.
        poll_s: how often newer facts and policies are looked for.
        page_token_s_max: how long a page token is honoured.
        fallback_s_max: how long a fallback slate may be shown: so long a takedown may not reach a
            client that cannot reach us.
        exposure_s_max: how long after its decision an exposure is not late; decisions are known to
            reports for twice as long.
        rotate_s: how often the tables of the log are made up to date; 0 for never.
        retain_days, retain_live_days: how long bodies of decisions are kept, and of those that were
            offered live rooms, before `slotwarden audit expire` deletes them.
        drain_s: how long running calls may finish after a stop.
    """

    @field_validator("retain_days", "retain_live_days")
    @classmethod
    def _kept_as_long_as_the_law_says(cls, days: int, info: ValidationInfo) -> int:
        least, why = RETAIN[str(info.field_name)]
        if days < least:
            raise ValueError(f"is {days}, must be at least {least} days, {why}")
        return days

    @model_validator(mode="after")
    def _ages_in_order(self) -> "Settings":
        if self.age_s_strict > self.age_s_max:
            raise ValueError("age_s_strict: must be at most age_s_max")
        return self

    @model_validator(mode="after")
    def _channelz_at_home(self) -> "Settings":
        is_home = self.host in ("127.0.0.1", "::1", "localhost") and self.identities is None
        if self.channelz and not is_home:
            raise ValueError("channelz: tells of all callers: a loopback host without identities")
        return self

    @model_validator(mode="after")
    def _certificate_with_key(self) -> "Settings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert: and tls_key belong together")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("tls_client_ca: needs tls_cert and tls_key")
        return self

    model_config = SettingsConfigDict(env_prefix="SLOTWARDEN_", frozen=True, extra="forbid")

    data_dir: Path = Path(".slotwarden")
    policy_dir: Path = SHIPPED_POLICIES
    host: str = "127.0.0.1"
    port: Port = 50051
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    worker: Annotated[int, Field(ge=0, le=255)] = 0
    connection_age_s: Annotated[int, Field(ge=0, le=86_400)] = 300
    linger_s: Annotated[float, Field(ge=0, le=300)] = 0.0
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    identities: Path | None = None
    threads: Annotated[int, Field(ge=1, le=64)] = 2
    calls_max: Annotated[int, Field(ge=1, le=10_000)] = 128
    connections_max: Annotated[int, Field(ge=1, le=1_000_000)] = 4_096
    metrics_port: Port = 0
    reflection: bool = True
    channelz: bool = False
    otel_endpoint: str = ""
    otel_share: Annotated[float, Field(ge=0, le=1)] = 0.01
    durability: Literal["process", "disk"] = "process"
    quality: Literal["greedy", "fast", "default", "best"] = "default"
    certify_share: Annotated[float, Field(ge=0, le=1)] = 0.01
    inline_facts: bool = False
    request_bytes_max: Annotated[int, Field(ge=1_024, le=4_194_304)] = 262_144
    candidate_count_max: Annotated[int, Field(ge=1, le=10_000)] = 2_000
    age_s_strict: Seconds = 300.0
    age_s_max: Seconds = 3_600.0
    poll_s: Seconds = 1.0
    page_token_s_max: Annotated[int, Field(ge=1, le=86_400)] = 1_800
    fallback_s_max: Annotated[int, Field(ge=1, le=60)] = 60
    exposure_s_max: Annotated[int, Field(ge=60, le=2_592_000)] = 86_400
    rotate_s: Annotated[float, Field(ge=0, le=86_400)] = 3_600.0
    retain_days: Annotated[int, Field(le=36_525)] = 1_096
    retain_live_days: Annotated[int, Field(le=36_525)] = 1_096
    drain_s: Annotated[float, Field(ge=0, le=3_600)] = 10.0
