"""A till's link whose values are TLVs of tags 9F00 … 9FFF: sales, queries, reprints and settlements by type number.

Frame and TLV are those of ``protocols.mis``; the words, what they mean, and the question
sessions are here (docs/protocols-ecr.md, MIS with tags 9F).
"""
