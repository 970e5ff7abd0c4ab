"""Evidence packs: a case's dossier with everything it rests on, and the proof that nothing of it was changed.

`gather` reads what a case rests on, `dossier` and `raw` draw it, `pack` writes it, `verify`
holds it against the spool and the lake.
"""
