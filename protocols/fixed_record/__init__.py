"""A till's requests and its terminal's answers as fixed records: no envelope, widths alone.

The records are the arguments of a library call between a till's program and the acquirer's
(docs/protocols-ecr.md, fixed records). Three random digits at the end of a request come back
at the end of its answer.
"""
