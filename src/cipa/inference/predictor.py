"""The whole tool as one object: a study in, measured lesions out; or grey slices in, probability out."""

from collections.abc import Callable
from typing import Unpack

from cipa.inference.inputs import Affine, Image, read_input
from cipa.inference.options import PredictOptions, split_options
from cipa.inference.result import Prediction
from cipa.inference.slices import SlicePredictor
from cipa.inference.study import predict_study
from cipa.io.dicom.study import Study


class Predictor(SlicePredictor):
    """Predicts whole studies; `SlicePredictor` documents its arguments.

    Example:
        >>> predictor = Predictor()  # doctest: +SKIP
        >>> prediction = predictor.predict("study", min_suv=2.0)  # doctest: +SKIP
        >>> prediction.save("out")  # doctest: +SKIP
    """

    def predict(
        self,
        ct: Image | Study | None = None,
        pet: Image | None = None,
        *,
        affine: Affine | None = None,
        pet_affine: Affine | None = None,
        spacing: tuple[float, float, float] | None = None,
        name: str | None = None,
        progress: Callable[[int, int], None] | None = None,
        **options: Unpack[PredictOptions],
    ) -> Prediction:
        """Segment a study and measure its lesions.

        Args:
            ct: a study as `cipa predict` takes it (DICOM folder or zip, or a folder with a pair of NIfTI
                files), or a CT: NIfTI file, nibabel image, `Volume` or array in HU.
            pet: the PET in SUV that goes with it, in any of these forms; None with a whole study. Only CT or
                only PET does for weights that were trained on it alone, or with modality dropout.
            affine: for arrays, as `cipa.inference.inputs.read_input` takes it.
            pet_affine: likewise.
            spacing: likewise.
            name: what to call the study, in place of the file's name.
            progress: called after every batch with slices done and their total.
            options: as `VolumeOptions`, `StudyOptions` and `ReportOptions` of `cipa.inference.options` name
                them.

        Returns:
            Mask, probability, lesions, what was left out, and where they came from.

        Raises:
            DataError: the study cannot be used, the network's answer is not finite, or memory ran out.
            UsageError: an option is unknown or out of its range, or the inputs do not go together.
        """
        volume, study, report = split_options(options)
        pair = read_input(
            ct,
            pet,
            affine=affine,
            pet_affine=pet_affine,
            spacing=spacing,
            name=name,
            options=study,
            report=report,
        )
        return predict_study(self, pair, volume, progress)
