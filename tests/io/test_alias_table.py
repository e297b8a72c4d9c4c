import csv
import stat

from cipa.io.alias_table import write_alias_table
from cipa.io.studies import find_studies
from studies import write_study


def test_aliases_lead_back_to_their_studies_and_the_owner_alone_can_look(tmp_path):
    write_study(tmp_path / "in" / "DOE_JANE", PatientName="Doe^Jane", StudyInstanceUID="1.1")
    write_study(tmp_path / "in" / "second", PatientName="Li^Wu", StudyInstanceUID="1.2")
    studies = find_studies(tmp_path / "in")
    write_alias_table(tmp_path / "names.csv", studies)
    with (tmp_path / "names.csv").open(newline="") as file:
        rows = {row["study"]: row for row in csv.DictReader(file)}
    alias = next(name for name in rows if name.startswith("study-"))
    assert rows[alias]["source"] == str(tmp_path / "in" / "DOE_JANE")
    assert rows[alias]["fingerprint"] == alias
    assert rows["second"]["source"] == str(tmp_path / "in" / "second")
    assert stat.S_IMODE((tmp_path / "names.csv").stat().st_mode) == 0o600
