"""The second speed of a declaration: a batch of frames or records decoded column by column, straight into Arrow.

``plan`` walks the construct declaration that the row decoder stands on and says what to do
column by column; ``walk`` finds where each field of each frame lies; ``messages`` and
``records`` make columns of those places by the steps of ``vectors`` (numpy) or ``compiled``
(numba); ``faults`` says what is wrong with a row, in the row decoder's own words. No field is
declared a second time here. The row decoders are ``Profile.read`` and ``JournalProfile.read``;
all give equal values and equal errors.
"""

from protocols.columnar.decoder import ColumnDecoder, Columns, column_decoder

__all__ = ["ColumnDecoder", "Columns", "column_decoder"]
