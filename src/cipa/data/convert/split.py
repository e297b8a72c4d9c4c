"""Which converted patients are for testing."""

from dataclasses import dataclass

from cipa.data.convert.sources import Sources
from cipa.data.split import hold_out
from cipa.errors import UsageError
from cipa.text import plural


@dataclass(frozen=True)
class SplitRule:
    """How test patients are chosen: by name, the last few, or a random share, whichever is set first.

    Attributes:
        patients: names as in the source or ids as in the data set.
        last: that many at the end of the ids in alphabetical order.
        fraction: share of the patients, 0 to below 1; see `cipa.data.split.hold_out`.
        seed: of the share.
    """

    patients: tuple[str, ...] | None = None
    last: int | None = None
    fraction: float = 0.2
    seed: int = 0

    def test_patients(self, sources: Sources) -> set[str]:
        """Return the ids of the patients to test on.

        Args:
            sources: all patients, with and without problems.

        Raises:
            UsageError: a patient is unknown, or there are fewer than `last`.
            DataError: a share is asked for of one patient.
        """
        if self.patients is not None:
            return {_resolve_patient(patient, sources) for patient in self.patients}
        ids = sorted(set(sources.ids.values()))
        if self.last is None:
            return set(hold_out(ids, self.fraction, self.seed)[1])
        if not 0 <= self.last <= len(ids):
            raise UsageError(
                f"--test-last {self.last}: only {plural(len(ids), 'patient')} found; give 0 to {len(ids)}"
            )
        return set(ids[len(ids) - self.last :])


def _resolve_patient(name: str, sources: Sources) -> str:
    patient, ids = sources.aliases.get(name, name), sources.ids
    if patient in ids.values():
        return patient
    if patient not in ids:
        raise UsageError(
            f"--test-patients {patient}: no such patient; names are as {next(iter(ids), 'none')}"
        )
    return ids[patient]
