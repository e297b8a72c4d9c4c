import pytest

from cipa.errors import CipaError, UsageError
from cipa.serve.settings import Settings
from cipa.serve.settings_file import read_settings, settings_text


@pytest.fixture
def read(tmp_path):
    def parse(text):
        path = tmp_path / "serve.yaml"
        path.write_text(text)
        return read_settings(path)

    return parse


def test_what_is_printed_is_read_as_the_defaults(read):
    assert read(settings_text()) == Settings()


def test_settings_survive_being_printed(read):
    text = """
node: {calling: [A, B], port: 104}
destinations: [{name: pacs, host: h, port: 11, ae_title: PACS}]
web: [{name: archive, url: "https://h/x", query: {ModalitiesInStudy: PT}}]
peers: [{ae_title: A, host: h, port: 12}]
segmentation: {objects: [seg, sr, pdf], threshold: 0.4}
"""
    settings = read(text)
    assert settings.receivers == ("pacs",)
    assert read(settings_text(settings)) == settings


def test_every_setting_is_printed_below_what_it_means():
    lines = settings_text().splitlines()
    for index, line in enumerate(lines):
        if ":" in line and not line.lstrip().startswith("#"):
            assert lines[index - 1].lstrip().startswith("#"), line


def test_an_empty_file_is_the_defaults(read):
    assert read("# nothing\n") == Settings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("spol: x", "spol: no such setting; did you mean spool?"),
        ("node: {prot: 1}", "node.prot: no such setting; did you mean port?"),
        ("segmentation: {objects: [sge]}", "segmentation.objects[0]: sge; did you mean seg?"),
        ("node: {port: abc}", "node.port: abc; give a whole number"),
        ("node: {port: true}", "node.port: True; give a whole number"),
        ("node: {port: 70000}", "node.port: 70000; give 0 to 65535"),
        ("node: 5", "node: 5; give names with values"),
        ("node: {calling: SCANNER}", "node.calling: SCANNER; give a list, such as [SCANNER]"),
        ("node: {ae_title: SEVENTEEN_LETTERS}", "AE title 'SEVENTEEN_LETTERS'"),
        ("spool: a\nspool: b", "spool is given twice"),
        ("destinations: [{name: a}]", "destinations[0].host: missing; give it"),
        ("study: {quiet_s: -1}", "study.quiet_s: -1.0; give 0 or more seconds"),
        ("study: {quiet_s: .nan}", "study.quiet_s: nan; give a number"),
        ("web: [{name: a, url: 'ftp://x'}]", "url ftp://x; give one that begins with https://"),
        ("segmentation: {objects: [sr]}", "sr refers to the segments of the SEG"),
        ("- 1", "settings: [1]; give names with values"),
        ("node: {tls: {certificate: x}}", "tls.key: null; name the private key"),
    ],
)
def test_a_mistake_is_named_with_its_setting(read, text, said):
    with pytest.raises(CipaError) as raised:
        read(text)
    assert said in str(raised.value)
    assert "serve.yaml" in str(raised.value)


def test_two_receivers_of_one_name_are_refused(read):
    with pytest.raises(UsageError, match="name a: of two"):
        read("web: [{name: a, url: 'http://x'}]\ndestinations: [{name: a, host: h, port: 1, ae_title: A}]")


@pytest.mark.parametrize(
    ("text", "said"), [("", "node.calling: \\[\\]"), ("node: {port: null}", "nothing can be received")]
)
def test_settings_with_which_nothing_could_be_received_are_refused(read, text, said):
    with pytest.raises(UsageError, match=said):
        read(text).require_usable()
