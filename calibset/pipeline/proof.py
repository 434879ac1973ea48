"""The proof that the recipe's quantizer will keep the samples of a file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

from calibset.core.documents import Sample
from calibset.core.errors import QuantizerError
from calibset.dataset.tokenizer_check import find_misread
from calibset.pipeline.context import BuildContext
from calibset.quantizers import LoadReport, Quantizer, RowInput, get_quantizer
from calibset.tokenizers import Tokenizer
from calibset.tokenizers.huggingface import HuggingFaceTokenizer
from calibset.tokenizers.truncation import visible_ids


def prove_kept(context: BuildContext, samples: tuple[Sample, ...]) -> LoadReport:
    """Simulate the recipe's quantizer on samples, and make sure that it keeps them all.

    The samples are given in the form that suits the quantizer best. A quantizer that joins rows and cuts
    the joined text may lose the last row, which is what remains after the last cut.

    Raises:
        QuantizerError: The quantizer would not keep every sample; the first losses are named.
    """
    # What packing has encoded is no proof of what the quantizer will read.
    recipe, tokenizer = context.recipe, context.tokenizer.uncached
    quantizer = get_quantizer(recipe.quantizer)
    rows: Iterator[RowInput] = (
        tuple(visible_ids(sample.token_ids, tokenizer, recipe.seqlen)) if quantizer.takes_ids else sample.text
        for sample in samples
    )
    report = quantizer.simulate(rows, tokenizer, nsamples=len(samples), seqlen=recipe.seqlen)
    if report.kept < report.nsamples and not _lost_is_the_tail(report, quantizer):
        losses = (
            f"row {row.row} (source {samples[row.row - 1].source}): {row.reason}" for row in report.lost
        )
        first = "; ".join(islice(chain(report.fatal, losses), 5))
        raise QuantizerError(
            f"{report.quantizer} would keep {report.kept} of {report.nsamples} rows, so nothing was written: "
            f"{first}; please report this recipe"
        )
    if not (quantizer.takes_ids or quantizer.info.own_tokenizer):
        _require_same_ids(samples, tokenizer, quantizer)
    return report


def _require_same_ids(samples: tuple[Sample, ...], tokenizer: Tokenizer, quantizer: Quantizer) -> None:
    """Make sure that the tokenizer which the quantizer loads reads the ids that were packed."""
    if not isinstance(tokenizer, HuggingFaceTokenizer):
        return
    misread = find_misread((sample.text for sample in samples), tokenizer)
    if misread and tokenizer.auto_tokenizer is not None:
        first = "; ".join(
            f"row {row.row} (source {samples[row.row - 1].source}): {row.reason}" for row in misread[:3]
        )
        raise QuantizerError(
            f"{tokenizer.auto_tokenizer.name}, which AutoTokenizer loads for {tokenizer.name}, reads "
            f"{len(misread)} of {len(samples)} rows otherwise than the tokenizer.json does, so nothing was "
            f"written: {first}; build with `--set quantizer=gptqmodel`, which takes token ids, and give "
            f"{quantizer.info.product} those: `calibset export --format input_ids`"
        )


def _lost_is_the_tail(report: LoadReport, quantizer: Quantizer) -> bool:
    tail = report.rows[-1:] if not report.fatal else ()
    return quantizer.info.joins_rows and report.lost == tail
