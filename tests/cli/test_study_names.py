import csv
import stat

from cipa.cli.main import main
from cipa.cli.study_names import has_alias, write_alias_table
from cipa.io.studies import StudyLocation
from studies import write_study


def test_the_table_pairs_each_name_with_its_sources_for_its_owner_alone(tmp_path):
    studies = [
        StudyLocation("study-0123456789", tmp_path / "Secret^Name", fingerprint="study-0123456789"),
        StudyLocation("b", tmp_path / "b_ct.nii.gz", tmp_path / "b_pet.nii.gz", fingerprint="files-1"),
    ]
    write_alias_table(tmp_path / "names.csv", studies)
    with (tmp_path / "names.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["name", "source"]
    assert rows[1] == ["study-0123456789", str(tmp_path / "Secret^Name")]
    assert [row[1] for row in rows[2:]] == [str(tmp_path / f"b_{kind}.nii.gz") for kind in ("ct", "pet")]
    assert stat.S_IMODE((tmp_path / "names.csv").stat().st_mode) == 0o600
    assert [has_alias(study) for study in studies] == [True, False]


def test_info_hides_names_of_folders_says_so_and_shows_them_on_request(tmp_path, capsys):
    for number in (1, 2):
        uids = {"StudyInstanceUID": f"1.2.{number}", "FrameOfReferenceUID": f"1.3.{number}"}
        write_study(tmp_path / "studies" / f"Secret{number}", **uids)
    assert main(["info", str(tmp_path / "studies")]) == 0
    hidden = capsys.readouterr().out
    assert "Secret" not in hidden
    assert "--keep-names shows them" in hidden
    assert main(["info", str(tmp_path / "studies"), "--keep-names"]) == 0
    shown = capsys.readouterr().out
    assert "Secret1" in shown
    assert "--keep-names" not in shown
