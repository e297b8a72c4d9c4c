"""The client of a DICOMweb server, made as the settings say."""

import warnings
from pathlib import Path
from typing import Any

from cipa.readers import read_text
from cipa.serve.settings import Web


def make_client(settings: Web) -> Any:
    """Return a `dicomweb_client.DICOMwebClient`; secrets are read anew, for they may be renewed meanwhile.

    Raises:
        DataError: a file of a secret is missing.
    """
    import requests
    from dicomweb_client import DICOMwebClient

    session = requests.Session()
    session.trust_env = False
    if settings.ca is not None:
        session.verify = settings.ca
    headers = {}
    if settings.token_file is not None:
        headers["Authorization"] = f"Bearer {_secret(settings.token_file)}"
    elif settings.user is not None and settings.password_file is not None:
        session.auth = (settings.user, _secret(settings.password_file))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = DICOMwebClient(
            settings.url.rstrip("/"), session=session, headers=headers, timeout=settings.timeout_s
        )
    client.set_http_retry_params(retry=False)
    return client


def _secret(path: str) -> str:
    return read_text(Path(path), "give a file that holds the secret alone").strip()
