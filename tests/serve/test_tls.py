"""TLS as DICOM asks for it: version 1.2 at least, a peer's certificate checked, files that are none named."""

import ssl

import pytest

from cipa.errors import DataError
from cipa.serve.settings import Tls
from cipa.serve.tls import client_context, server_context


@pytest.fixture
def files(certificates):
    return {name: str(certificates / file) for name, file in
            (("certificate", "node.pem"), ("key", "node.key"), ("ca", "ca.pem"))}  # fmt: skip


def test_without_a_certificate_a_node_is_not_encrypted():
    assert server_context(Tls()) is None


def test_a_node_asks_for_certificates_where_it_knows_an_authority(files):
    open_to_all = server_context(Tls(files["certificate"], files["key"]))
    assert open_to_all.verify_mode == ssl.CERT_NONE
    assert server_context(Tls(**files)).verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize("make", [server_context, client_context])
def test_no_version_before_1_2_is_spoken(files, make):
    assert make(Tls(**files)).minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_peer_is_always_checked_by_certificate_and_name(files):
    for settings in (Tls(), Tls(**files)):
        context = client_context(settings)
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname


@pytest.mark.parametrize("name", ["certificate", "ca"])
@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_that_is_none_is_named(files, tmp_path, name, content):
    path = tmp_path / "x.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=rf"tls.{name} .*x.pem: .*; give PEM files"):
        client_context(Tls(**files | {name: str(path)}))
