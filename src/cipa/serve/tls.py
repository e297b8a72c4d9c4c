"""TLS of DICOM associations (PS3.15 B.12, which follows BCP 195): version 1.2 at least, peers certified."""

import ssl

from cipa.errors import DataError
from cipa.serve.settings import Tls


def server_context(settings: Tls) -> ssl.SSLContext | None:
    """Return what a node's server is encrypted with; None for no TLS.

    Raises:
        DataError: a file is missing or holds no certificate.
    """
    if settings.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(context, settings)
    if settings.ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(settings: Tls) -> ssl.SSLContext:
    """Return what connections to peers are encrypted with; the peer's certificate is always checked.

    Raises:
        DataError: a file is missing or holds no certificate.
    """
    context = ssl.create_default_context()
    _load(context, settings)
    return context


def _load(context: ssl.SSLContext, settings: Tls) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    name, path = "certificate", settings.certificate
    try:
        if settings.certificate is not None:
            context.load_cert_chain(settings.certificate, settings.key)
        name, path = "ca", settings.ca
        if settings.ca is not None:
            context.load_verify_locations(settings.ca)
    except (OSError, ssl.SSLError) as error:
        raise DataError(
            f"tls.{name} {path}: {error.strerror or type(error).__name__}; give PEM files"
        ) from error
