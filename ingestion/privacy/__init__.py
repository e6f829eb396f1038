"""Personal data: what is done to it at the door, and what becomes of it in the lake.

Belongs here: pseudonyms, encryption, consent, IP addresses and the scan of free text,
all set-based over a load's own files before it is committed; erasure and retention of
what has landed. Not here: what a product declares (`catalog.privacy_models`), where
the keys come from (the caller).
"""
