"""The network of `cipa predict`, loaded as its options say."""

from argparse import Namespace
from typing import TYPE_CHECKING

from cipa.cli.network_options import PRECISIONS, warn_of_inputs
from cipa.cli.weights_option import choose_weights

if TYPE_CHECKING:
    from cipa.inference.predictor import Predictor


def make_predictor(arguments: Namespace, device: str) -> "Predictor":
    """Load the weights asked for.

    Raises:
        DataError, UsageError: as `Predictor`.
    """
    from cipa.inference.passes import split_threads
    from cipa.inference.predictor import Predictor

    predictor = Predictor(
        arguments.weights and [choose_weights(one) for one in arguments.weights],
        device=device,
        batch_size=arguments.batch_size,
        threshold=arguments.threshold,
        precision=PRECISIONS[arguments.precision],
        tta=None if arguments.tta == "none" else arguments.tta,
        inputs=arguments.inputs,
        passes=split_threads(device, arguments.batch_size),
    )
    warn_of_inputs(predictor.models, arguments.inputs)
    return predictor
