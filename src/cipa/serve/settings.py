"""What `cipa serve` is told: every setting with its default, once. The YAML file has the same names."""

from dataclasses import dataclass, field
from typing import Literal

from cipa.errors import UsageError

ANYBODY = "*"
"""In place of AE titles: whoever calls."""


@dataclass(frozen=True)
class Tls:
    """TLS of DICOM associations, as DICOM PS3.15 B.12 (BCP 195) asks for it.

    Attributes:
        certificate: PEM file of this node's certificate, with its chain; null for no TLS
        key: PEM file of its private key
        ca: PEM file of the authorities that peers must be certified by; null asks peers for no certificate
    """

    certificate: str | None = None
    key: str | None = None
    ca: str | None = None

    def __post_init__(self) -> None:
        if self.certificate is not None and self.key is None:
            raise UsageError("tls.key: null; name the private key of tls.certificate")


@dataclass(frozen=True)
class Node:
    """The DICOM node.

    Attributes:
        address: IP address to listen on; 127.0.0.1 takes connections of this machine alone, 0.0.0.0 of all
        port: TCP port; null for no DICOM node
        ae_title: AE title of this node; an association that calls another is rejected
        calling: AE titles that may call; "*" for anybody
        accept: objects that are taken: "images" (CT and PET) or "all" (others are kept with their study)
        commitment: whether storage commitment is answered; what is committed is kept for keep.done_days
        tls: see its lines
    """

    address: str = "127.0.0.1"
    port: int | None = 11112
    ae_title: str = "CIPA"
    calling: tuple[str, ...] = ()
    accept: Literal["images", "all"] = "images"
    commitment: bool = True
    tls: Tls = field(default_factory=Tls)

    def __post_init__(self) -> None:
        for title in (self.ae_title, *self.calling):
            require_ae_title("node", title)
        require(self.port is None or 0 <= self.port < 65536, "node.port", self.port, "0 to 65535")


@dataclass(frozen=True)
class StudyRules:
    """When a study is complete, and what happens if it changes afterwards.

    Attributes:
        quiet_s: seconds without a new object after which a study is complete; no sender says so itself
        changed: a study whose CT or PET changed after it was segmented is segmented "again" or put on "hold"
        attempts: times that a study is begun; one that ended the worker so often is put on hold
        timeout_s: seconds for one study, after which the worker is ended and started again
    """

    quiet_s: float = 60.0
    changed: Literal["again", "hold"] = "again"
    attempts: int = 3
    timeout_s: float = 3600.0

    def __post_init__(self) -> None:
        require(self.quiet_s >= 0, "study.quiet_s", self.quiet_s, "0 or more seconds")
        require(self.attempts >= 1, "study.attempts", self.attempts, "1 or more")
        require(self.timeout_s > 0, "study.timeout_s", self.timeout_s, "more than 0 seconds")


@dataclass(frozen=True)
class Segmentation:
    """The network and what is made of its masks; the options of `cipa predict` of the same names.

    Attributes:
        weights: files or folders of weights, the mean of several; none for the bundled ones
        device: auto, cpu, cuda, cuda:N or mps
        batch_size: slices in one forward pass
        threshold: probability from which a pixel is tumour; null for the one stored with the weights
        precision: float32, bf16 or fp16
        min_suv: SUVmax below which a lesion is left out; null for the one stored with the weights
        keep_all: keep marks outside the body and without uptake
        objects: DICOM objects that are made: seg, sr, rtstruct, sc, pdf
        report: write report.html beside the objects, for people with access to this machine
    """

    weights: tuple[str, ...] = ()
    device: str = "auto"
    batch_size: int = 4
    threshold: float | None = None
    precision: Literal["float32", "bf16", "fp16"] = "float32"
    min_suv: float | None = None
    keep_all: bool = False
    objects: tuple[Literal["seg", "sr", "rtstruct", "sc", "pdf"], ...] = ("seg", "sr")
    report: bool = False

    def __post_init__(self) -> None:
        require(bool(self.objects), "segmentation.objects", "[]", "one kind at least")
        if "sr" in self.objects and "seg" not in self.objects:
            raise UsageError("segmentation.objects: sr refers to the segments of the SEG; give seg, sr")


@dataclass(frozen=True)
class Destination:
    """A DICOM node that results are sent to by C-STORE.

    Attributes:
        name: what logs and status call it
        host: name or IP address
        port: TCP port
        ae_title: AE title that is called
        tls: whether the connection is encrypted, with node.tls's certificate where the peer asks for one
    """

    name: str
    host: str
    port: int
    ae_title: str
    tls: bool = False

    def __post_init__(self) -> None:
        require_ae_title(f"destinations: {self.name}", self.ae_title)
        require(0 < self.port < 65536, f"destinations: {self.name}: port", self.port, "1 to 65535")


@dataclass(frozen=True)
class Web:
    """A DICOMweb server (PS3.18) that studies are fetched from, that results are stored to, or both.

    Attributes:
        name: what logs and status call it
        url: of the service, such as https://pacs/dicom-web
        store: whether results are sent there by STOW-RS
        poll_s: seconds between two looks for studies by QIDO-RS; null fetches only what `--fetch` asks for
        query: attributes that a polled study must match, such as {ModalitiesInStudy: PT}
        days: polled studies of the last so many days, by Study Date; null for all
        user: name for HTTP basic authentication
        password_file: file that holds its password
        token_file: file that holds a bearer token, in place of user and password
        ca: PEM file of the authorities that the server must be certified by; null for the system's
        timeout_s: seconds without an answer
    """

    name: str
    url: str
    store: bool = False
    poll_s: float | None = None
    query: dict[str, str] = field(default_factory=dict)
    days: int | None = 2
    user: str | None = None
    password_file: str | None = None
    token_file: str | None = None
    ca: str | None = None
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise UsageError(
                f"web: {self.name}: url {self.url}; give one that begins with https:// or http://"
            )
        if (self.user is None) != (self.password_file is None):
            raise UsageError(f"web: {self.name}: give user and password_file together")
        require(self.poll_s is None or self.poll_s > 0, f"web: {self.name}: poll_s", self.poll_s, "above 0")


@dataclass(frozen=True)
class Peer:
    """Where the outcome of storage commitment is reported to: a requester that closed its association.

    Attributes:
        ae_title: of the requester
        host: name or IP address
        port: TCP port
        tls: whether the connection is encrypted
    """

    ae_title: str
    host: str
    port: int
    tls: bool = False


@dataclass(frozen=True)
class Retry:
    """How often a destination is tried that does not take a result.

    Attributes:
        first_s: seconds until the second try; twice as many until each further one
        longest_s: seconds between two tries at most
        give_up_hours: hours after which a result becomes a dead letter, kept and listed by --status
    """

    first_s: float = 5.0
    longest_s: float = 900.0
    give_up_hours: float = 168.0

    def __post_init__(self) -> None:
        require(self.first_s > 0, "retry.first_s", self.first_s, "more than 0 seconds")
        require(self.longest_s >= self.first_s, "retry.longest_s", self.longest_s, "retry.first_s or more")


@dataclass(frozen=True)
class Limits:
    """Beyond these an object is refused with C-STORE status A700 (out of resources), to be sent again later.

    Attributes:
        studies: studies that wait to be segmented
        objects: objects of one study
        object_mb: megabytes of one object; the association that sends a larger one is aborted
        receiving_mb: megabytes of all objects that are being received, which lie in memory
        spool_mb: megabytes of the spool
        free_mb: megabytes left free on the spool's disk
        associations: at a time
        idle_s: seconds without a message after which an association is aborted
    """

    studies: int = 1000
    objects: int = 10000
    object_mb: int = 512
    receiving_mb: int = 2048
    spool_mb: int = 200000
    free_mb: int = 1000
    associations: int = 20
    idle_s: float = 60.0

    def __post_init__(self) -> None:
        for name in ("studies", "objects", "object_mb", "receiving_mb", "spool_mb", "associations"):
            require(getattr(self, name) > 0, f"limits.{name}", getattr(self, name), "1 or more")
        require(self.free_mb >= 0, "limits.free_mb", self.free_mb, "0 or more")
        require(self.idle_s > 0, "limits.idle_s", self.idle_s, "more than 0 seconds")


@dataclass(frozen=True)
class Keep:
    """What is deleted in time. Studies on hold and dead letters never are.

    Attributes:
        done_days: days after which images and results are deleted of a study whose results were all accepted
    """

    done_days: float = 7.0

    def __post_init__(self) -> None:
        require(self.done_days >= 0, "keep.done_days", self.done_days, "0 or more")


@dataclass(frozen=True)
class Metrics:
    """Metrics for Prometheus, at /metrics.

    Attributes:
        address: IP address to listen on
        port: TCP port; null for none
    """

    address: str = "127.0.0.1"
    port: int | None = None


@dataclass(frozen=True)
class Log:
    """The log: a JSON object a line, without the identity of any patient.

    Attributes:
        file: file that lines are added to; null for standard error, which systemd keeps
        level: debug, info, warning or error
    """

    file: str | None = None
    level: Literal["debug", "info", "warning", "error"] = "info"


@dataclass(frozen=True)
class Settings:
    """All of them.

    Attributes:
        spool: folder of the queue, for this node alone; it holds patients' images
        node: see its lines
        study: see its lines
        segmentation: see its lines
        destinations: DICOM nodes that results are sent to
        web: DICOMweb servers
        peers: DICOM nodes that outcomes of storage commitment are reported to
        retry: see its lines
        limits: see its lines
        keep: see its lines
        metrics: see its lines
        log: see its lines
    """

    spool: str = "cipa-spool"
    node: Node = field(default_factory=Node)
    study: StudyRules = field(default_factory=StudyRules)
    segmentation: Segmentation = field(default_factory=Segmentation)
    destinations: tuple[Destination, ...] = ()
    web: tuple[Web, ...] = ()
    peers: tuple[Peer, ...] = ()
    retry: Retry = field(default_factory=Retry)
    limits: Limits = field(default_factory=Limits)
    keep: Keep = field(default_factory=Keep)
    metrics: Metrics = field(default_factory=Metrics)
    log: Log = field(default_factory=Log)

    def __post_init__(self) -> None:
        names = [*(one.name for one in self.destinations), *(one.name for one in self.web)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UsageError(f"name {twice[0]}: of two destinations or web servers; give each its own")

    @property
    def receivers(self) -> tuple[str, ...]:
        """Names of all that results are sent to."""
        return (*(one.name for one in self.destinations), *(one.name for one in self.web if one.store))

    def require_usable(self) -> None:
        """Refuse settings with which nothing could ever be received.

        Raises:
            UsageError: nobody may send, and nothing is fetched.
        """
        if self.node.port is None and not self.web:
            raise UsageError("node.port: null, and no web server: nothing can be received; give one of both")
        if self.node.port is not None and not self.node.calling:
            raise UsageError(
                'node.calling: []; list the AE titles that may send, or "*" for anybody, '
                "or set node.port to null"
            )


def require(holds: bool, name: str, value: object, wanted: str) -> None:
    """Raise `UsageError` naming the setting, its value and what it must be, unless `holds`."""
    if not holds:
        raise UsageError(f"{name}: {value}; give {wanted}")


def require_ae_title(where: str, title: str) -> None:
    """Refuse what DICOM does not take for an AE title (PS3.5, VR AE): 1 to 16 printable ASCII characters."""
    plain = title.isascii() and title.isprintable() and "\\" not in title
    if not plain or not 0 < len(title.strip()) <= 16 or len(title) > 16:
        raise UsageError(f"{where}: AE title '{title}'; give 1 to 16 ASCII characters, no backslash")
