"""Encrypted data files: Parquet modular encryption, AES_GCM_V1, every column and the footer (uniform).

Each file has a random key of its own of 256 bits, wrapped by a master key that a `KeyService` holds and
never gives out, and kept so in the file. `FileKeys` keeps master keys in a file like the key of
card tokens (`ingest.keys`), retired ones beside it; a service of one's own is a package with an entry
point in the group ``tillwatch.key_services``. AES_GCM_CTR_V1 and single columns are not offered: pages
of the one and columns that are not listed of the other can be altered unseen (measured, pyarrow 26).
"""

import base64
import hmac
import json
import re
import secrets
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from ingest.errors import KeyFileError, UsageError
from ingest.keys import master_keys

if TYPE_CHECKING:
    import pyarrow.dataset as ds

GROUP = "tillwatch.key_services"
ENCRYPTED = b"PARE"
"""What an encrypted file begins and ends with, in the place of PAR1 (parquet-format, Encryption.md 5.2)."""
REMEMBERED_SECONDS = 600.0
"""How long pyarrow keeps a connection to the service."""
_NONCE = 12
_MASTER = re.compile(rb'"masterKeyID":"([^"\\]{1,200})"')


class KeyService(Protocol):
    """Who holds the master keys."""

    current: str
    """The id of the master key for new files."""

    def wrap(self, key: bytes, master_key: str) -> str:
        """A key, encrypted by a master key; text.

        Raises:
            KeyFileError: there is no such master key, or the service does not answer.
        """

    def unwrap(self, wrapped: str, master_key: str) -> bytes:
        """The key that ``wrap`` made the text of.

        Raises:
            KeyFileError: there is no such master key, it is another one, or the service does not answer.
        """


class FileKeys:
    """Master keys in a file, the current one and those before it; AES-256-GCM.

    Args:
        path: the key file, 0600; a line as `ingest.keys` has it.

    Raises:
        KeyFileError: not there, not readable, open to others, or not a key.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        keys = master_keys(path)
        self.current = next(iter(keys))
        self._keys = {key_id: hmac.digest(master, b"tillwatch 1 lake", "sha256") for key_id, master in keys.items()}

    def wrap(self, key: bytes, master_key: str) -> str:
        """As `KeyService.wrap`."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(_NONCE)
        sealed = AESGCM(self._key(master_key)).encrypt(nonce, key, master_key.encode())
        return base64.b64encode(nonce + sealed).decode("ascii")

    def unwrap(self, wrapped: str, master_key: str) -> bytes:
        """As `KeyService.unwrap`."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            sealed = base64.b64decode(wrapped, validate=True)
            return AESGCM(self._key(master_key)).decrypt(sealed[:_NONCE], sealed[_NONCE:], master_key.encode())
        except (InvalidTag, ValueError):
            raise KeyFileError(
                f"{self._path}: key {master_key} is not the one that these files were written with",
                hint="put back the key file that was there then",
            ) from None

    def _key(self, master_key: str) -> bytes:
        if master_key not in self._keys:
            raise KeyFileError(
                f"{self._path}: key {master_key} is not there, and files of the lake need it",
                hint=f"put it back as {self._path.name}.retired/{master_key}.key; without it they cannot be read",
            )
        return self._keys[master_key]


class Cipher:
    """Encrypts and decrypts data files with the keys of a service.

    Args:
        service: who holds the master keys.
    """

    def __init__(self, service: KeyService) -> None:
        import pyarrow.parquet.encryption as pe

        class Client(pe.KmsClient):  # type: ignore[misc]
            """What pyarrow asks for keys."""

            def __init__(self, _connection: object) -> None:
                super().__init__()

            def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> str:
                return service.wrap(key_bytes, master_key_identifier)

            def unwrap_key(self, wrapped_key: str, master_key_identifier: str) -> bytes:
                return service.unwrap(wrapped_key, master_key_identifier)

        self._service = service
        self._factory = pe.CryptoFactory(Client)
        self._connection = pe.KmsConnectionConfig()
        lifetime = timedelta(seconds=REMEMBERED_SECONDS)
        self._decryption = pe.DecryptionConfiguration(cache_lifetime=lifetime)
        self._encryption = pe.EncryptionConfiguration(
            footer_key=service.current,
            uniform_encryption=True,
            encryption_algorithm="AES_GCM_V1",
            plaintext_footer=False,
            double_wrapping=False,  # the key between is one of 128 bits in pyarrow
            internal_key_material=True,
            data_key_length_bits=256,
            cache_lifetime=lifetime,
        )

    def for_writing(self) -> Any:
        """``encryption_properties`` of one file; each file needs its own."""
        return self._factory.file_encryption_properties(self._connection, self._encryption)

    def for_reading(self) -> Any:
        """``decryption_properties`` of one file."""
        return self._factory.file_decryption_properties(self._connection, self._decryption)

    def for_scanning(self) -> "ds.ParquetDecryptionConfig":
        """The same for a dataset of any number of files."""
        import pyarrow.dataset as ds

        return ds.ParquetDecryptionConfig(self._factory, self._connection, self._decryption)


def cipher(key: Path | None, service: str | None) -> Cipher | None:
    """What the settings say of encryption; None when they say nothing.

    Args:
        key: ``lake.key``.
        service: ``lake.key_service``.

    Raises:
        KeyFileError: the key file is not there, open to others, or not a key; the service does not answer.
        UsageError: no package brings such a service.
    """
    if service is not None:
        return Cipher(_installed(service))
    return Cipher(FileKeys(key)) if key is not None else None


def _installed(name: str) -> KeyService:
    entries = {entry.name: entry for entry in metadata.entry_points(group=GROUP)}
    if name not in entries:
        raise UsageError(
            f"lake.key_service: no installed package brings {name!r}",
            hint=f"there are: {', '.join(sorted(entries))}" if entries else f"it is an entry point in {GROUP}",
        )
    made: KeyService = entries[name].load()()
    return made


def master_key_of(file: BinaryIO) -> str | None:
    """The id of the master key that a file needs; None when it is not encrypted.

    Raises:
        OSError: it cannot be read, or is no Parquet file.
    """
    size = file.seek(0, 2)
    file.seek(max(0, size - 8))
    tail = file.read()
    if tail[4:] != ENCRYPTED:
        return None
    file.seek(max(0, size - 8 - min(int.from_bytes(tail[:4], "little"), 1 << 24)))
    found = _MASTER.search(file.read())  # the file's crypto metadata stands before the encrypted footer, in clear
    if found is None:
        raise OSError("its key is not named")
    return str(json.loads(b'"' + found[1] + b'"'))
