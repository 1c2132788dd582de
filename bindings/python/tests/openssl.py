"""A key store that is a program of its own: OpenSSL, with a P-256 key in a file."""

import subprocess
from pathlib import Path

from nghisu import DeviceSigner, SignerError

#: What stands in a SubjectPublicKeyInfo of P-256 before the point.
BEFORE_THE_POINT = 26


class OpensslSigner(DeviceSigner):
    """Signs with the key in a file, which is made if it is not there. While the file is away it gives nothing out."""

    def __init__(self, file: Path) -> None:
        self.file = file
        if not file.exists():
            openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", file)

    def public_key(self) -> bytes:
        """Returns the point alone, as the Secure Enclave gives it."""
        return openssl("pkey", "-in", self.file, "-pubout", "-outform", "DER")[BEFORE_THE_POINT:]

    def sign(self, message: bytes) -> bytes:
        if not self.file.exists():
            raise SignerError.Unavailable("phone is locked")
        return openssl("dgst", "-sha256", "-sign", self.file, message=message)


def openssl(*arguments: str | Path, message: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=message, check=True, capture_output=True).stdout
