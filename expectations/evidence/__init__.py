"""Evidence packs: a case's dossier with everything it rests on, and the proof that nothing of it was changed.

`gather` reads what a case rests on, `account` tells it in twelve parts, `dossier` draws them as PDF,
`raw` shows bytes, `pack` writes it all, `verify` holds it against the spool and the lake.
"""
