"""The second speed of a declaration: a batch of frames or records decoded column by column, straight into Arrow.

``plan`` walks the construct declaration that the row decoder stands on and says what to do
column by column; ``walk`` finds where each field of each frame lies; ``gathers`` and
``numbers`` turn those places into columns; ``faults`` says what is wrong with a row, in the
row decoder's own words; ``kernel`` is the same steps as loops that numba compiles. No field
is declared a second time here. The row decoder is ``Profile.read``; both give equal values
and equal errors.
"""

from protocols.columnar.decoder import ColumnDecoder, Columns, column_decoder

__all__ = ["ColumnDecoder", "Columns", "column_decoder"]
